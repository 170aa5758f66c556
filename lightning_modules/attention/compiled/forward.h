// The way there: scores of a tile, softmax, and the sum of values.
#pragma once
#include "band.h"

template <class T, class S>
struct Forward {
  Shape shape;
  Heads<const T> query, key, value;
  Heads<T> output;
  S* sums;  // see Sums; null where there will be no gradients
};

// Turns scores (count, LANES) into weights, which are 2^(scale times score - largest), not yet
// divided by their sum.
template <class S>
inline void exponentiate(S* scores, int64_t count, S scale, Vector<S>& largest, Vector<S>& sum) {
  constexpr int N = LANES<S>;
  largest = spread(HIDDEN<S>);
  for (int64_t key = 0; key < count; key++) {
    const Vector<S> score = load(scores + key * N);
    largest = score > largest ? score : largest;
  }
  largest *= scale;
  sum = Vector<S>{};
  for (int64_t key = 0; key < count; key++) {
    const Vector<S> weight = exp2_of<S>(load(scores + key * N) * scale - largest);
    store(scores + key * N, weight);
    sum += weight;
  }
}

template <class T, class S, int WIDTH>
void forward_chunk(const Forward<T, S>& task, const Chunk& chunk) {
  constexpr int N = LANES<S>;
  const Shape& shape = task.shape;
  const int64_t width = WIDTH > 0 ? WIDTH : shape.width, padded = padded_width<S>(width);
  const int64_t first = shape.first_key(chunk.begin), end = shape.end_of_keys(chunk.end - 1);
  const Stretch<S> keys(end - first, padded), values(end - first, padded);
  const Stretch<S> scores(shape.most_keys(N), N), queries(N, padded), lanes(padded, N);
  const Stretch<S> mixed(N, padded);
  const S scale = exponent_scale<S>(width);
  queries.clear(0, N);
  keys.template pack<WIDTH>(task.key, shape, chunk, first, end);
  values.template pack<WIDTH>(task.value, shape, chunk, first, end);
  for (int64_t tile = chunk.begin; tile < chunk.end; tile += N) {
    const int64_t tile_end = std::min(chunk.end, tile + N);
    const int64_t low = shape.first_key(tile), high = shape.end_of_keys(tile_end - 1);
    queries.template pack<WIDTH>(task.query, shape, chunk, tile, tile_end);
    transpose(queries.row(0), padded, padded, lanes.row(0));
    score<S, WIDTH>(keys.row(low - first), lanes.row(0), high - low, padded, scores.row(0));
    hide(scores.row(0), shape, chunk.sample, tile, low, high);
    Vector<S> largest, sum;
    exponentiate(scores.row(0), high - low, scale, largest, sum);
    for (int64_t query = tile; query < tile_end; query += RESULTS) {
      const int64_t from = std::max(low, shape.first_key(query));
      const int64_t to = std::min(high, shape.end_of_keys(query + RESULTS - 1));
      mix<S, WIDTH, false>({scores.row(from - low) + (query - tile), N, 1},
                           values.row(from - first), to - from, padded, mixed.row(query - tile));
    }
    for (int64_t token = tile; token < tile_end; token++) {
      const bool is_real = shape.is_real(chunk.sample, token);
      const S share = is_real ? S(1) / sum[token - tile] : S(0);
      unpack<WIDTH>(mixed.row(token - tile), share, task.output, shape, chunk, token);
      if (task.sums) Sums<S>::at(task.sums, shape, chunk, token) = {largest[token - tile], share};
    }
  }
}
