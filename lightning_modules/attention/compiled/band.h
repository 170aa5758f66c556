// What the forward and the backward pass share: tensors, stretches of tokens, the edge of the band.
#pragma once
#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include "products.h"

// A tensor (batch, heads, tokens, width) in any layout whose last dimension is contiguous.
template <class T>
struct Heads {
  T* data;
  int64_t by_sample, by_head, by_token;
  T* at(int64_t sample, int64_t head, int64_t token) const {
    return data + sample * by_sample + head * by_head + token * by_token;
  }
};

struct Shape {
  int64_t batch, heads, tokens, width, half_window;
  const bool* real;  // (batch, tokens), or null where all tokens are

  // A token that is real sees itself at least, and one that is not sees nothing.
  bool is_real(int64_t sample, int64_t token) const {
    return !real || real[sample * tokens + token];
  }
  int64_t first_key(int64_t query) const { return std::max<int64_t>(0, query - half_window); }
  int64_t end_of_keys(int64_t query) const { return std::min(tokens, query + half_window + 1); }
  int64_t most_keys(int64_t queries) const { return std::min(tokens, 2 * half_window + queries); }
};

// The queries of one head that a thread takes at a time.
struct Chunk {
  int64_t sample, head, begin, end;
};

// What is kept of a query's softmax, (batch, heads, tokens, 2). Their logarithm alone would lose
// digits where scores are large.
template <class S>
struct Sums {
  S largest, share;  // the largest exponent; one over the sum of all weights, or 0 of padding
  static Sums& at(S* sums, const Shape& shape, const Chunk& chunk, int64_t token) {
    const int64_t row = (chunk.sample * shape.heads + chunk.head) * shape.tokens + token;
    return reinterpret_cast<Sums*>(sums)[row];
  }
};

template <class S>
constexpr S HIDDEN = S(-1e30);  // a score that no query sees; its exponential is zero

template <class S>
inline S score_scale(int64_t width) {
  return S(1) / std::sqrt(S(width));
}

template <class S>
inline S exponent_scale(int64_t width) {
  return S(1.4426950408889634074) * score_scale<S>(width);  // for powers of two
}

template <class S>
inline int64_t padded_width(int64_t width) {
  return (width + LANES<S> - 1) / LANES<S> * LANES<S>;
}

// Rows of one thread, and some more behind them, zeros, which the products run into.
template <class S>
class Stretch {
 public:
  Stretch(int64_t rows, int64_t width) : width_(width) {
    const int64_t bytes = ((rows + MOST_KEYS) * width * sizeof(S) + 63) / 64 * 64;
    memory_.reset(static_cast<S*>(std::aligned_alloc(64, bytes)));
    if (!memory_) throw std::bad_alloc();
    clear(rows, rows + MOST_KEYS);
  }
  void clear(int64_t begin, int64_t end) const { std::fill(row(begin), row(end), S(0)); }
  S* row(int64_t number) const { return memory_.get() + number * width_; }

  // Copies tokens [begin, end), zeros in place of padding and beyond the width.
  template <int WIDTH, class T>
  void pack(const Heads<T>& from, const Shape& shape, const Chunk& chunk, int64_t begin,
            int64_t end) const {
    const int64_t width = WIDTH > 0 ? WIDTH : shape.width;
    for (int64_t token = begin; token < end; token++) {
      const T* source = from.at(chunk.sample, chunk.head, token);
      const bool is_real = shape.is_real(chunk.sample, token);
      S* to = row(token - begin);
      if (is_real)
        for (int64_t column = 0; column < width; column++)
          to[column] = static_cast<S>(source[column]);
      std::fill(to + (is_real ? width : 0), to + width_, S(0));
    }
  }

 private:
  struct Free {
    void operator()(S* memory) const { std::free(memory); }
  };
  std::unique_ptr<S[], Free> memory_;
  int64_t width_;
};

// Writes one token, times a number; zeros of zero, whatever they are multiplied with.
template <int WIDTH, class S, class T>
inline void unpack(const S* from, S scale, const Heads<T>& to, const Shape& shape,
                   const Chunk& chunk, int64_t token) {
  const int64_t width = WIDTH > 0 ? WIDTH : shape.width;
  T* row = to.at(chunk.sample, chunk.head, token);
  if (scale == S(0))
    std::fill(row, row + width, T(0));
  else
    for (int64_t column = 0; column < width; column++)
      row[column] = static_cast<T>(from[column] * scale);
}

// Hides from each query of a tile the keys beyond its window, and all keys that are padding.
// scores: (keys from `first` to `end`, LANES); `tile`: the first query.
template <class S>
inline void hide(S* scores, const Shape& shape, int64_t sample, int64_t tile, int64_t first,
                 int64_t end) {
  constexpr int N = LANES<S>;
  const auto lanes = lane_numbers<S>();
  const int64_t reach = shape.half_window;
  const auto edge = [&](int64_t key) {
    S* row = scores + (key - first) * N;
    const Integer<S> lowest = key - reach - tile, highest = key + reach - tile;
    store(row, (lanes < lowest) | (lanes > highest) ? spread(HIDDEN<S>) : load(row));
  };
  const int64_t inner = std::min(end, std::max(first, tile + N - 1 - reach));
  for (int64_t key = first; key < inner; key++) edge(key);
  for (int64_t key = std::max(inner, tile + reach + 1); key < end; key++) edge(key);
  if (shape.real)
    for (int64_t key = first; key < end; key++)
      if (!shape.is_real(sample, key)) store(scores + (key - first) * N, spread(HIDDEN<S>));
}
