#pragma once
#include "band.h"

template <class T, class S>
struct Forward {
  Shape shape;
  Heads<const T> query, key, value;
  Heads<T> output;
  S* logsumexp;  // (batch, heads, tokens) of base 2, or null where there will be no gradients
};

// Turns scores (count, LANES) into weights, not yet divided by their sum: over keys, one by one.
template <class S>
inline void exponentiate(S* scores, int64_t count, Vector<S>& largest, Vector<S>& sum) {
  constexpr int N = LANES<S>;
  largest = spread(HIDDEN<S>);
  for (int64_t key = 0; key < count; key++) {
    const Vector<S> score = load(scores + key * N);
    largest = score > largest ? score : largest;
  }
  sum = Vector<S>{};
  for (int64_t key = 0; key < count; key++) {
    const Vector<S> weight = exp2_of<S>(load(scores + key * N) - largest);
    store(scores + key * N, weight);
    sum += weight;
  }
}

template <class T, class S, int WIDTH>
void forward_chunk(const Forward<T, S>& task, const Chunk& chunk) {
  constexpr int N = LANES<S>;
  const Shape& shape = task.shape;
  const int64_t width = WIDTH > 0 ? WIDTH : shape.width;
  const int64_t padded = padded_width<S>(width);
  const int64_t first = shape.first_key(chunk.begin), end = shape.end_of_keys(chunk.end - 1);
  const int64_t rows = end - first + MOST_KEYS;
  Buffer<S> keys(rows * padded), values(rows * padded), scores((2 * shape.half_window + N + MOST_KEYS) * N);
  Buffer<S> queries(N * padded), lanes(N * padded), mixed((N + RESULTS) * padded);
  pack<S, WIDTH>(task.key, shape, chunk, first, end, keys.get());
  pack<S, WIDTH>(task.value, shape, chunk, first, end, values.get());
  std::fill(keys.get() + (end - first) * padded, keys.get() + rows * padded, S(0));
  std::fill(queries.get(), queries.get() + N * padded, S(0));
  const S scale = S(1.4426950408889634074) / std::sqrt(S(width));
  for (int64_t tile = chunk.begin; tile < chunk.end; tile += N) {
    const int64_t tile_end = std::min(chunk.end, tile + N);
    const int64_t low = shape.first_key(tile), high = shape.end_of_keys(tile_end - 1);
    for (int64_t token = tile; token < tile_end; token++) {
      const T* row = task.query.at(chunk.sample, chunk.head, token);
      S* to = queries.get() + (token - tile) * padded;
      for (int64_t column = 0; column < width; column++) to[column] = static_cast<S>(row[column]) * scale;
    }
    transpose(queries.get(), padded, padded, lanes.get());
    score<S, WIDTH>(keys.get() + (low - first) * padded, lanes.get(), high - low, padded, scores.get());
    hide(scores.get(), shape, chunk.sample, tile, low, high);
    Vector<S> largest, sum;
    exponentiate(scores.get(), high - low, largest, sum);
    for (int64_t query = tile; query < tile_end; query += RESULTS) {
      const int64_t from = std::max(low, shape.first_key(query));
      const int64_t to = std::min(high, shape.end_of_keys(query + RESULTS - 1));
      const Weights<S> weights{scores.get() + (from - low) * N + (query - tile), N, 1};
      mix<S, WIDTH, false>(weights, values.get() + (from - first) * padded, to - from, padded,
                           mixed.get() + (query - tile) * padded);
    }
    for (int64_t token = tile; token < tile_end; token++) {
      const int lane = token - tile;
      const bool sees = largest[lane] != HIDDEN<S> && shape.is_real(chunk.sample, token);
      const S share = sees ? S(1) / sum[lane] : S(0);
      const S* row = mixed.get() + lane * padded;
      T* to = task.output.at(chunk.sample, chunk.head, token);
      for (int64_t column = 0; column < width; column++)
        to[column] = sees ? static_cast<T>(row[column] * share) : T(0);
      if (task.logsumexp)
        task.logsumexp[(chunk.sample * shape.heads + chunk.head) * shape.tokens + token] =
            sees ? largest[lane] + std::log2(sum[lane]) : NOTHING_SEEN<S>;
    }
  }
}
