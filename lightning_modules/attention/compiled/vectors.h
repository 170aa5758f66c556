// Vectors of numbers as wide as the instruction set has them, through the extension of C++ that GCC
// and Clang share. S is the type that is computed in: float, or double.
#pragma once
#include <cstdint>
#include <type_traits>
#include <utility>

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
constexpr int MOST_KEYS = 24;  // scores of so many keys fit into 32 registers
constexpr int VECTORS_AT_ONCE = 4;
#else
#if defined(__AVX2__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif
constexpr int MOST_KEYS = 12;  // of 16 registers
constexpr int VECTORS_AT_ONCE = 2;
#endif

template <class S>
struct VectorOf {
  typedef S type __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(S)), may_alias));
};
template <class S>
using Vector = typename VectorOf<S>::type;
template <class S>
using Integer = std::conditional_t<sizeof(S) == 4, int32_t, int64_t>;
template <class S>
constexpr int LANES = VECTOR_BYTES / sizeof(S);

template <class S>
inline Vector<S> load(const S* from) {
  return *reinterpret_cast<const Vector<S>*>(from);
}

template <class S>
inline void store(S* to, Vector<S> vector) {
  *reinterpret_cast<Vector<S>*>(to) = vector;
}

template <class S>
inline Vector<S> spread(S number) {
  return Vector<S>{} + number;
}

template <class S>
inline Vector<Integer<S>> lane_numbers() {
  Vector<Integer<S>> numbers{};
  for (int lane = 0; lane < LANES<S>; lane++) numbers[lane] = lane;
  return numbers;
}

// 2^x for x up to some hundred; 0 where it would be below the smallest normal number; NaN of NaN.
// The relative error is below 2e-7 in float (coefficients: Cephes, exp2f.c) and 1e-15 in double
// (Taylor's series). Adding `shift` rounds x to an integer, which the lowest bits then hold.
template <class S>
inline Vector<S> exp2_of(Vector<S> x) {
  constexpr bool is_float = sizeof(S) == 4;
  constexpr S lowest = is_float ? -126 : -1022;
  constexpr S shift = is_float ? S(12582912 + 127) : S(6755399441055744 + 1023);
  constexpr int mantissa = is_float ? 23 : 52;
  const Vector<S> shifted = x + shift;
  const Vector<S> rest = x - (shifted - shift);
  Vector<S> power;
  if constexpr (is_float) {
    power = spread(S(1.535336188e-4));
    for (S next : {1.339887440e-3f, 9.618437357e-3f, 5.550332548e-2f, 2.402264791e-1f,
                   6.931472028e-1f, 1.0f})
      power = power * rest + next;
  } else {
    const Vector<S> y = rest * S(0.693147180559945309417);
    power = spread(S(1));
    for (int order = 13; order > 0; order--) power = power * y * (S(1) / order) + S(1);
  }
  const Vector<S> scale = (Vector<S>)((Vector<Integer<S>>)shifted << mantissa);
  return x < lowest ? Vector<S>{} : power * scale;
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAS_SHUFFLE
#endif
#endif

#ifdef HAS_SHUFFLE
// One of the steps in which a square is transposed: swaps blocks of STEP lanes between two rows.
template <class S, int STEP, int... LANE>
inline void swap_blocks(Vector<S>& a, Vector<S>& b, std::integer_sequence<int, LANE...>) {
  constexpr int N = LANES<S>;
  const Vector<S> low = __builtin_shufflevector(a, b, (LANE & STEP ? LANE - STEP + N : LANE)...);
  b = __builtin_shufflevector(a, b, (LANE & STEP ? LANE + N : LANE + STEP)...);
  a = low;
}

template <class S, int STEP>
inline void transpose_steps(Vector<S> (&rows)[LANES<S>]) {
  if constexpr (STEP < LANES<S>) {
#pragma GCC unroll 16
    for (int row = 0; row < LANES<S>; row++)
      if (!(row & STEP))
        swap_blocks<S, STEP>(rows[row], rows[row + STEP],
                             std::make_integer_sequence<int, LANES<S>>{});
    transpose_steps<S, 2 * STEP>(rows);
  }
}
#endif

// Writes (LANES, width), rows `stride` apart, as (width, LANES); width is a multiple of LANES.
template <class S>
inline void transpose(const S* from, int64_t stride, int64_t width, S* to) {
  constexpr int N = LANES<S>;
#ifdef HAS_SHUFFLE
  for (int64_t column = 0; column < width; column += N) {
    Vector<S> rows[N];
#pragma GCC unroll 16
    for (int row = 0; row < N; row++) rows[row] = load(from + row * stride + column);
    transpose_steps<S, 1>(rows);
#pragma GCC unroll 16
    for (int row = 0; row < N; row++) store(to + (column + row) * N, rows[row]);
  }
#else
  for (int64_t column = 0; column < width; column++)
    for (int row = 0; row < N; row++) to[column * N + row] = from[row * stride + column];
#endif
}
