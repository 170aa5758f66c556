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

  bool is_real(int64_t sample, int64_t token) const {
    return !real || real[sample * tokens + token];
  }
  int64_t first_key(int64_t query) const { return std::max<int64_t>(0, query - half_window); }
  int64_t end_of_keys(int64_t last) const { return std::min(tokens, last + half_window + 1); }
};

// The queries of one head that a thread takes at a time.
struct Chunk {
  int64_t sample, head, begin, end;
};

template <class S>
constexpr S HIDDEN = S(-1e30);  // a score that no query sees; its exponential is zero
template <class S>
constexpr S NOTHING_SEEN = S(1e30);  // in place of the logarithm of a sum over no keys

// Memory of one thread, not initialised.
template <class S>
class Buffer {
 public:
  explicit Buffer(int64_t numbers)
      : memory_(static_cast<S*>(std::aligned_alloc(64, (numbers * sizeof(S) + 63) / 64 * 64))) {
    if (!memory_) throw std::bad_alloc();
  }
  S* get() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(S* memory) const { std::free(memory); }
  };
  std::unique_ptr<S[], Free> memory_;
};

template <class S>
inline int64_t padded_width(int64_t width) {
  return (width + LANES<S> - 1) / LANES<S> * LANES<S>;
}

// Copies the rows of tokens [begin, end), zeros for padding and for the rest of the padded width.
template <class S, int WIDTH, class T>
inline void pack(const Heads<T>& from, const Shape& shape, const Chunk& chunk, int64_t begin,
                 int64_t end, S* to) {
  const int64_t width = WIDTH > 0 ? WIDTH : shape.width;
  const int64_t padded = padded_width<S>(width);
  for (int64_t token = begin; token < end; token++, to += padded) {
    const bool is_real = shape.is_real(chunk.sample, token);
    const T* row = from.at(chunk.sample, chunk.head, token);
    if (is_real)
      for (int64_t column = 0; column < width; column++) to[column] = static_cast<S>(row[column]);
    std::fill(to + (is_real ? width : 0), to + padded, S(0));
  }
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
