// The two products of matrices that attention consists of, for a tile of as many queries as a
// vector has lanes. Scores stand as (keys, LANES): a lane is a query, so that no vector of keys is cut by
// the edge of the band, keys are never transposed, and softmax needs no sum across lanes.
#pragma once
#include <algorithm>
#include "vectors.h"

// Scores of KEYS keys, in registers until they are done.
template <class S, int KEYS, int WIDTH>
inline void score_keys(const S* keys, const S* queries, int64_t width, int64_t stride, S* scores) {
  constexpr int N = LANES<S>;
  if constexpr (WIDTH > 0) width = WIDTH, stride = WIDTH;
  Vector<S> sums[KEYS] = {};
  for (int64_t column = 0; column < width; column++) {
    const Vector<S> query = load(queries + column * N);
#pragma GCC unroll 24
    for (int key = 0; key < KEYS; key++) sums[key] += query * keys[key * stride + column];
  }
#pragma GCC unroll 24
  for (int key = 0; key < KEYS; key++) store(scores + key * N, sums[key]);
}

template <class S, int KEYS, int WIDTH>
inline void score_blocks(const S* keys, const S* queries, int64_t count, int64_t width,
                         S* scores, int64_t wanted) {
  if constexpr (KEYS > 4)
    if (wanted < KEYS)
      return score_blocks<S, KEYS - 4, WIDTH>(keys, queries, count, width, scores, wanted);
  for (int64_t key = 0; key < count; key += KEYS)
    score_keys<S, KEYS, WIDTH>(keys + key * width, queries, width, width, scores + key * LANES<S>);
}

// scores (count, LANES) = keys (count, width) times queries (width, LANES).
// In equal blocks, up to MOST_KEYS - 1 scores beyond `count` are written, of keys that are read.
template <class S, int WIDTH>
inline void score(const S* keys, const S* queries, int64_t count, int64_t width, S* scores) {
  const int64_t blocks = (count + MOST_KEYS - 1) / MOST_KEYS;
  const int64_t wanted = ((count + blocks - 1) / blocks + 3) / 4 * 4;
  score_blocks<S, MOST_KEYS, WIDTH>(keys, queries, count, width, scores, wanted);
}

// What `mix` is told of its weights: where they begin, and the way from one row to the next, and
// from one result to the next.
template <class S>
struct Weights {
  const S* first;
  int64_t by_row, by_result;
};

constexpr int RESULTS = 4;

template <class S, int VECTORS, int WIDTH, bool ADD>
inline void mix_columns(Weights<S> weights, const S* rows, int64_t count, int64_t width, S* to) {
  constexpr int N = LANES<S>;
  if constexpr (WIDTH > 0) width = WIDTH;
  Vector<S> sums[RESULTS][VECTORS] = {};
  for (int64_t row = 0; row < count; row++) {
    const S* weight = weights.first + row * weights.by_row;
    Vector<S> parts[VECTORS];
#pragma GCC unroll 4
    for (int part = 0; part < VECTORS; part++) parts[part] = load(rows + row * width + part * N);
#pragma GCC unroll 4
    for (int result = 0; result < RESULTS; result++)
#pragma GCC unroll 4
      for (int part = 0; part < VECTORS; part++)
        sums[result][part] += parts[part] * weight[result * weights.by_result];
  }
#pragma GCC unroll 4
  for (int result = 0; result < RESULTS; result++)
#pragma GCC unroll 4
    for (int part = 0; part < VECTORS; part++) {
      S* place = to + result * width + part * N;
      store(place, ADD ? load(place) + sums[result][part] : sums[result][part]);
    }
}

// to (RESULTS, width) = or += the sum over `count` rows (width) of weight times row; width is a
// multiple of LANES.
template <class S, int WIDTH, bool ADD>
inline void mix(Weights<S> weights, const S* rows, int64_t count, int64_t width, S* to) {
  constexpr int N = LANES<S>;
  int64_t column = 0;
  for (; column + VECTORS_AT_ONCE * N <= width; column += VECTORS_AT_ONCE * N)
    mix_columns<S, VECTORS_AT_ONCE, WIDTH, ADD>(weights, rows + column, count, width, to + column);
  for (; column < width; column += N)
    mix_columns<S, 1, WIDTH, ADD>(weights, rows + column, count, width, to + column);
}
