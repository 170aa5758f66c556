// The way back. Scores are computed again; nothing of the size of the band is kept.
#pragma once
#include "band.h"

template <class T, class S>
struct Backward {
  Shape shape;
  Heads<const T> query, key, value, output, gradient;
  const S* logsumexp;  // of the forward pass
  Heads<T> query_gradient, key_gradient, value_gradient;
};

// Writes the gradients of a stretch of keys, or adds them to what the chunks beside it have written.
// Chunks of even number come first and write all that they reach, which is no more than half a
// chunk on each side; of an odd one only the tokens are new that neither neighbour has reached.
template <class S, int WIDTH, class T>
inline void give_back(const S* sums, S scale, const Heads<T>& to, const Shape& shape,
                      const Chunk& chunk, int64_t first, int64_t end, bool is_odd) {
  const int64_t width = WIDTH > 0 ? WIDTH : shape.width;
  const int64_t padded = padded_width<S>(width);
  for (int64_t token = first; token < end; token++, sums += padded) {
    const bool after = chunk.end < shape.tokens && token >= chunk.end - shape.half_window;
    const bool adds = is_odd && (token < chunk.begin + shape.half_window || after);
    T* row = to.at(chunk.sample, chunk.head, token);
    if (adds)
      for (int64_t column = 0; column < width; column++)
        row[column] = static_cast<T>(static_cast<S>(row[column]) + sums[column] * scale);
    else
      for (int64_t column = 0; column < width; column++)
        row[column] = static_cast<T>(sums[column] * scale);
  }
}

template <class T, class S, int WIDTH>
void backward_chunk(const Backward<T, S>& task, const Chunk& chunk, bool is_odd) {
  constexpr int N = LANES<S>;
  const Shape& shape = task.shape;
  const int64_t width = WIDTH > 0 ? WIDTH : shape.width, padded = padded_width<S>(width);
  const int64_t reach = shape.half_window;
  const int64_t first = shape.first_key(chunk.begin), end = shape.end_of_keys(chunk.end - 1);
  const int64_t rows = end - first + MOST_KEYS;
  const int64_t seen = (2 * reach + N + MOST_KEYS) * N;
  Buffer<S> keys(rows * padded), values(rows * padded);
  Buffer<S> key_sums(rows * padded), value_sums(rows * padded);
  Buffer<S> weights(seen), slopes(seen);
  Buffer<S> queries(N * padded), gradients(N * padded), outputs(N * padded);
  Buffer<S> query_lanes(N * padded), gradient_lanes(N * padded), mixed((N + RESULTS) * padded);
  pack<S, WIDTH>(task.key, shape, chunk, first, end, keys.get());
  pack<S, WIDTH>(task.value, shape, chunk, first, end, values.get());
  for (Buffer<S>* buffer : {&keys, &values})
    std::fill(buffer->get() + (end - first) * padded, buffer->get() + rows * padded, S(0));
  for (Buffer<S>* buffer : {&key_sums, &value_sums})
    std::fill(buffer->get(), buffer->get() + rows * padded, S(0));
  const S scale = S(1) / std::sqrt(S(width));
  const int64_t place = (chunk.sample * shape.heads + chunk.head) * shape.tokens;
  for (int64_t tile = chunk.begin; tile < chunk.end; tile += N) {
    const int64_t tile_end = std::min(chunk.end, tile + N);
    const int64_t low = shape.first_key(tile), high = shape.end_of_keys(tile_end - 1);
    Vector<S> logsumexp = spread(NOTHING_SEEN<S>), delta{};
    for (int64_t token = tile; token < tile_end; token++)
      logsumexp[token - tile] = task.logsumexp[place + token];
    const auto pack_rows = [&](const Heads<const T>& from, S* to) {
      for (int lane = 0; lane < N; lane++) {
        const bool sees = tile + lane < tile_end && logsumexp[lane] != NOTHING_SEEN<S>;
        if (sees) {
          const T* row = from.at(chunk.sample, chunk.head, tile + lane);
          for (int64_t column = 0; column < width; column++) to[lane * padded + column] = static_cast<S>(row[column]);
        }
        std::fill(to + lane * padded + (sees ? width : 0), to + (lane + 1) * padded, S(0));
      }
    };
    pack_rows(task.query, queries.get());
    pack_rows(task.gradient, gradients.get());
    pack_rows(task.output, outputs.get());
    transpose(queries.get(), padded, padded, query_lanes.get());
    transpose(outputs.get(), padded, padded, mixed.get());
    transpose(gradients.get(), padded, padded, gradient_lanes.get());
    for (int64_t column = 0; column < width; column++)
      delta += load(mixed.get() + column * N) * load(gradient_lanes.get() + column * N);
    const int64_t offset = (low - first) * padded, count = high - low;
    score<S, WIDTH>(keys.get() + offset, query_lanes.get(), count, padded, weights.get());
    score<S, WIDTH>(values.get() + offset, gradient_lanes.get(), count, padded, slopes.get());
    hide(weights.get(), shape, chunk.sample, tile, low, high);
    for (int64_t key = 0; key < count; key++) {
      const Vector<S> score = load(weights.get() + key * N);
      const Vector<S> weight = exp2_of<S>(score * (scale * S(1.4426950408889634074)) - logsumexp);
      store(weights.get() + key * N, weight);
      store(slopes.get() + key * N, weight * (load(slopes.get() + key * N) - delta));
    }
    std::fill(weights.get() + count * N, weights.get() + (count + RESULTS) * N, S(0));
    std::fill(slopes.get() + count * N, slopes.get() + (count + RESULTS) * N, S(0));
    for (int64_t query = tile; query < tile_end; query += RESULTS) {
      const int64_t from = std::max(low, shape.first_key(query));
      const int64_t to = std::min(high, shape.end_of_keys(query + RESULTS - 1));
      mix<S, WIDTH, false>({slopes.get() + (from - low) * N + (query - tile), N, 1},
                           keys.get() + (from - first) * padded, to - from, padded,
                           mixed.get() + (query - tile) * padded);
    }
    for (int64_t token = tile; token < tile_end; token++) {
      T* to = task.query_gradient.at(chunk.sample, chunk.head, token);
      for (int64_t column = 0; column < width; column++)
        to[column] = static_cast<T>(mixed.get()[(token - tile) * padded + column] * scale);
    }
    for (int64_t key = low; key < high; key += RESULTS) {
      const int64_t from = std::max(tile, key - reach);
      const int64_t to = std::min(tile_end, key + RESULTS + reach);
      const int64_t weight = (key - low) * N + (from - tile), sum = (key - first) * padded;
      mix<S, WIDTH, true>({slopes.get() + weight, 1, N}, queries.get() + (from - tile) * padded,
                          to - from, padded, key_sums.get() + sum);
      mix<S, WIDTH, true>({weights.get() + weight, 1, N}, gradients.get() + (from - tile) * padded,
                          to - from, padded, value_sums.get() + sum);
    }
  }
  give_back<S, WIDTH>(key_sums.get(), scale, task.key_gradient, shape, chunk, first, end, is_odd);
  give_back<S, WIDTH>(value_sums.get(), S(1), task.value_gradient, shape, chunk, first, end, is_odd);
}
