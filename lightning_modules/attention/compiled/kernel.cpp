// Local attention on a CPU as operators of torch: shapes, dtypes, and the threads' shares.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>
#include <optional>
#include <tuple>
#include "backward.h"
#include "forward.h"

namespace {
using at::Tensor;
using Mask = std::optional<Tensor>;

// What a chunk's keys and values cost to pack is shared by so many queries, or more.
constexpr int64_t FEWEST_QUERIES = 256;
constexpr int64_t ALIGNED = 16;  // a chunk has whole tiles, whatever the instruction set

template <class T>
using Computed = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
Heads<T> heads_of(const Tensor& tensor) {
  auto* data = tensor.data_ptr<std::remove_const_t<T>>();
  return {data, tensor.stride(0), tensor.stride(1), tensor.stride(2)};
}

Tensor with_contiguous_rows(const Tensor& tensor) {
  return tensor.stride(3) == 1 || tensor.size(3) == 1 ? tensor : tensor.contiguous();
}

Mask contiguous(const Mask& real) {
  return real ? Mask(real->contiguous()) : Mask();
}

// In memory (batch, tokens, heads, width), as the projections of an encoder lie.
Tensor new_like(const Tensor& query) {
  const auto sizes = query.sizes();
  return at::empty({sizes[0], sizes[2], sizes[1], sizes[3]}, query.options()).transpose(1, 2);
}

Shape shape_of(const Tensor& query, int64_t half_window, const Mask& real) {
  const auto sizes = query.sizes();
  const bool* values = real ? real->const_data_ptr<bool>() : nullptr;
  return {sizes[0], sizes[1], sizes[2], sizes[3], half_window, values};
}

// Returns how many queries a chunk has: all the same, so that threads have the same to do, and at
// least a whole window, so that no chunk has keys in common with the next but one.
int64_t chunk_length(const Shape& shape) {
  const int64_t fewest = std::max(FEWEST_QUERIES, 2 * shape.half_window);
  const int64_t chunks = std::max<int64_t>(1, shape.tokens / fewest);
  const int64_t length = (shape.tokens + chunks - 1) / chunks;
  return (length + ALIGNED - 1) / ALIGNED * ALIGNED;
}

// Calls `compute(chunk)` for those of the chunks of all heads that `step` leaves, side by side.
// Heads come first: of an encoder's projections, all of them lie in the same pages of memory.
template <class Compute>
void over_chunks(const Shape& shape, int64_t begin, int64_t step, const Compute& compute) {
  const int64_t length = chunk_length(shape);
  const int64_t chunks = (shape.tokens + length - 1) / length;
  const int64_t taken = (chunks - begin + step - 1) / step;
  const int64_t all = shape.batch * taken * shape.heads;
  at::parallel_for(0, all, 1, [&](int64_t from, int64_t to) {
    for (int64_t number = from; number < to; number++) {
      const int64_t part = number / shape.heads;
      const int64_t start = (begin + part % taken * step) * length;
      const int64_t end = std::min(shape.tokens, start + length);
      compute(Chunk{part / taken, number % shape.heads, start, end});
    }
  });
}

template <class T>
void forward_of(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& output,
                const Tensor& sums, int64_t half_window, const Mask& real) {
  using S = Computed<T>;
  const Forward<T, S> task{shape_of(query, half_window, real),
                           heads_of<const T>(query),
                           heads_of<const T>(key),
                           heads_of<const T>(value),
                           heads_of<T>(output),
                           sums.numel() ? sums.data_ptr<S>() : nullptr};
  const auto compute = query.size(3) == 64 ? forward_chunk<T, S, 64> : forward_chunk<T, S, 0>;
  over_chunks(task.shape, 0, 1, [&](const Chunk& chunk) { compute(task, chunk); });
}

std::tuple<Tensor, Tensor> forward(const Tensor& query_, const Tensor& key, const Tensor& value,
                                   int64_t half_window, const Mask& real, bool needs_sums) {
  const Tensor query = with_contiguous_rows(query_), output = new_like(query);
  const auto sizes = query.sizes();
  const auto dtype = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const Tensor sums = at::empty({needs_sums ? sizes[0] : 0, sizes[1], sizes[2], 2},
                                query.options().dtype(dtype));
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kBFloat16, at::kHalf, query.scalar_type(), "local_attention", [&] {
        forward_of<scalar_t>(query, with_contiguous_rows(key), with_contiguous_rows(value), output,
                             sums, half_window, contiguous(real));
      });
  return {output, sums};
}

using Three = std::tuple<Tensor, Tensor, Tensor>;

template <class T>
void backward_of(const Tensor& gradient, const Tensor& query, const Tensor& key,
                 const Tensor& value, const Tensor& output, const Tensor& sums,
                 int64_t half_window, const Mask& real, const Three& gradients) {
  using S = Computed<T>;
  const Backward<T, S> task{shape_of(query, half_window, real),
                            heads_of<const T>(query),
                            heads_of<const T>(key),
                            heads_of<const T>(value),
                            heads_of<const T>(output),
                            heads_of<const T>(gradient),
                            sums.data_ptr<S>(),
                            heads_of<T>(std::get<0>(gradients)),
                            heads_of<T>(std::get<1>(gradients)),
                            heads_of<T>(std::get<2>(gradients))};
  const auto compute = query.size(3) == 64 ? backward_chunk<T, S, 64> : backward_chunk<T, S, 0>;
  // Chunks beside each other have keys in common, and so are never computed at once.
  for (bool is_odd : {false, true})
    over_chunks(task.shape, is_odd, 2, [&](const Chunk& chunk) { compute(task, chunk, is_odd); });
}

Three backward(const Tensor& gradient, const Tensor& query, const Tensor& key, const Tensor& value,
               const Tensor& output, const Tensor& sums, int64_t half_window, const Mask& real) {
  const Three gradients{new_like(query), new_like(query), new_like(query)};
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kBFloat16, at::kHalf, query.scalar_type(), "local_attention_backward", [&] {
        backward_of<scalar_t>(with_contiguous_rows(gradient), with_contiguous_rows(query),
                              with_contiguous_rows(key), with_contiguous_rows(value), output, sums,
                              half_window, contiguous(real), gradients);
      });
  return gradients;
}
}  // namespace

TORCH_LIBRARY_FRAGMENT(tipping_point, library) {
  library.def(
      "local_attention(Tensor query, Tensor key, Tensor value, int half_window, Tensor? real, "
      "bool needs_sums) -> (Tensor, Tensor)");
  library.def(
      "local_attention_backward(Tensor gradient, Tensor query, Tensor key, Tensor value, Tensor "
      "output, Tensor sums, int half_window, Tensor? real) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(tipping_point, CPU, library) {
  library.impl("local_attention", forward);
  library.impl("local_attention_backward", backward);
}
