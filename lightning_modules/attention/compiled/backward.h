// The way back. Scores are computed again: nothing of the size of the band is kept.
#pragma once
#include "band.h"

template <class T, class S>
struct Backward {
  Shape shape;
  Heads<const T> query, key, value, output, gradient;
  S* sums;  // of the forward pass
  Heads<T> query_gradient, key_gradient, value_gradient;
};

// Writes the gradients of a stretch of keys, or adds them to what the chunks beside it wrote.
// Chunks of even number come first and write all that they reach, which is no more than half a
// chunk on each side; of an odd one only the tokens are new that neither neighbour has reached.
template <int WIDTH, class S, class T>
inline void give_back(const Stretch<S>& sums, S scale, const Heads<T>& to, const Shape& shape,
                      const Chunk& chunk, int64_t first, int64_t end, bool is_odd) {
  const int64_t width = WIDTH > 0 ? WIDTH : shape.width;
  for (int64_t token = first; token < end; token++) {
    const bool is_before = token < chunk.begin + shape.half_window;
    const bool is_behind = chunk.end < shape.tokens && token >= chunk.end - shape.half_window;
    if (!is_odd || !(is_before || is_behind)) {
      unpack<WIDTH>(sums.row(token - first), scale, to, shape, chunk, token);
      continue;
    }
    const S* from = sums.row(token - first);
    T* row = to.at(chunk.sample, chunk.head, token);
    for (int64_t column = 0; column < width; column++)
      row[column] = static_cast<T>(static_cast<S>(row[column]) + from[column] * scale);
  }
}

// Turns scores and the products of values and gradients, both (count, LANES), into weights and the
// slopes of the scores.
template <class S>
inline void differentiate(S* scores, S* products, int64_t count, S scale, Vector<S> largest,
                          Vector<S> share, Vector<S> delta) {
  constexpr int N = LANES<S>;
  for (int64_t key = 0; key < count; key++) {
    const Vector<S> score = load(scores + key * N);
    const Vector<S> weight = exp2_of<S>(score * scale - largest) * share;
    store(scores + key * N, weight);
    store(products + key * N, weight * (load(products + key * N) - delta));
  }
  for (int64_t key = count; key < count + RESULTS; key++) {  // `mix` takes so many keys at a time
    store(scores + key * N, Vector<S>{});
    store(products + key * N, Vector<S>{});
  }
}

template <class T, class S, int WIDTH>
void backward_chunk(const Backward<T, S>& task, const Chunk& chunk, bool is_odd) {
  constexpr int N = LANES<S>;
  const Shape& shape = task.shape;
  const int64_t width = WIDTH > 0 ? WIDTH : shape.width, padded = padded_width<S>(width);
  const S scale = score_scale<S>(width);
  const int64_t first = shape.first_key(chunk.begin), end = shape.end_of_keys(chunk.end - 1);
  const Stretch<S> keys(end - first, padded), values(end - first, padded);
  const Stretch<S> key_sums(end - first, padded), value_sums(end - first, padded);
  const Stretch<S> weights(shape.most_keys(N), N), slopes(shape.most_keys(N), N);
  const Stretch<S> queries(N, padded), gradients(N, padded), outputs(N, padded), mixed(N, padded);
  const Stretch<S> query_lanes(padded, N), gradient_lanes(padded, N), output_lanes(padded, N);
  for (const Stretch<S>* rows : {&queries, &gradients, &outputs}) rows->clear(0, N);
  for (const Stretch<S>* rows : {&key_sums, &value_sums}) rows->clear(0, end - first);
  keys.template pack<WIDTH>(task.key, shape, chunk, first, end);
  values.template pack<WIDTH>(task.value, shape, chunk, first, end);
  for (int64_t tile = chunk.begin; tile < chunk.end; tile += N) {
    const int64_t tile_end = std::min(chunk.end, tile + N);
    const int64_t low = shape.first_key(tile), high = shape.end_of_keys(tile_end - 1);
    queries.template pack<WIDTH>(task.query, shape, chunk, tile, tile_end);
    gradients.template pack<WIDTH>(task.gradient, shape, chunk, tile, tile_end);
    outputs.template pack<WIDTH>(task.output, shape, chunk, tile, tile_end);
    transpose(queries.row(0), padded, padded, query_lanes.row(0));
    transpose(gradients.row(0), padded, padded, gradient_lanes.row(0));
    transpose(outputs.row(0), padded, padded, output_lanes.row(0));
    Vector<S> largest{}, share{}, delta{};
    for (int64_t token = tile; token < tile_end; token++) {
      const Sums<S>& sums = Sums<S>::at(task.sums, shape, chunk, token);
      largest[token - tile] = sums.largest, share[token - tile] = sums.share;
    }
    for (int64_t column = 0; column < width; column++)
      delta += load(output_lanes.row(column)) * load(gradient_lanes.row(column));
    const int64_t count = high - low;
    score<S, WIDTH>(keys.row(low - first), query_lanes.row(0), count, padded, weights.row(0));
    score<S, WIDTH>(values.row(low - first), gradient_lanes.row(0), count, padded, slopes.row(0));
    hide(weights.row(0), shape, chunk.sample, tile, low, high);
    differentiate(weights.row(0), slopes.row(0), count, exponent_scale<S>(width), largest, share,
                  delta);
    for (int64_t query = tile; query < tile_end; query += RESULTS) {
      const int64_t from = std::max(low, shape.first_key(query));
      const int64_t to = std::min(high, shape.end_of_keys(query + RESULTS - 1));
      mix<S, WIDTH, false>({slopes.row(from - low) + (query - tile), N, 1}, keys.row(from - first),
                           to - from, padded, mixed.row(query - tile));
    }
    for (int64_t token = tile; token < tile_end; token++)
      unpack<WIDTH>(mixed.row(token - tile), scale, task.query_gradient, shape, chunk, token);
    for (int64_t key = low; key < high; key += RESULTS) {
      const int64_t from = std::max(tile, key - shape.half_window);
      const int64_t to = std::min(tile_end, key + RESULTS + shape.half_window);
      const int64_t lane = from - tile;
      mix<S, WIDTH, true>({slopes.row(key - low) + lane, 1, N}, queries.row(lane), to - from,
                          padded, key_sums.row(key - first));
      mix<S, WIDTH, true>({weights.row(key - low) + lane, 1, N}, gradients.row(lane), to - from,
                          padded, value_sums.row(key - first));
    }
  }
  give_back<WIDTH>(key_sums, scale, task.key_gradient, shape, chunk, first, end, is_odd);
  give_back<WIDTH>(value_sums, S(1), task.value_gradient, shape, chunk, first, end, is_odd);
}
