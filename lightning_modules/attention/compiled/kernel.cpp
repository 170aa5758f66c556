// Local attention on a CPU as operators of torch: shapes, dtypes, and the threads' shares.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>
#include <tuple>
#include "backward.h"
#include "forward.h"

namespace {
using at::Tensor;
constexpr int64_t FEWEST_QUERIES = 512;  // of a chunk: what its keys cost to pack is shared by them

template <class T>
using Computed = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
Heads<T> heads_of(const Tensor& tensor) {
  using Plain = std::remove_const_t<T>;
  return {static_cast<T*>(tensor.data_ptr<Plain>()), tensor.stride(0), tensor.stride(1), tensor.stride(2)};
}

Tensor with_contiguous_rows(const Tensor& tensor) {
  return tensor.stride(3) == 1 || tensor.size(3) == 1 ? tensor : tensor.contiguous();
}

// As the projections of an encoder lie: (batch, tokens, heads, width) in memory.
Tensor new_like(const Tensor& query) {
  return at::empty({query.size(0), query.size(2), query.size(1), query.size(3)}, query.options()).transpose(1, 2);
}

Shape shape_of(const Tensor& query, int64_t half_window, const std::optional<Tensor>& real) {
  return {query.size(0), query.size(1), query.size(2), query.size(3), half_window,
          real ? real->const_data_ptr<bool>() : nullptr};
}

// Calls `compute(chunk)` for those of the chunks of all heads that `step` leaves, side by side.
template <class Compute>
void over_chunks(const Shape& shape, int64_t begin, int64_t step, const Compute& compute) {
  const int64_t length = std::max(FEWEST_QUERIES, 2 * shape.half_window);
  const int64_t chunks = (shape.tokens + length - 1) / length;
  const int64_t taken = (chunks - begin + step - 1) / step;
  at::parallel_for(0, shape.batch * shape.heads * taken, 1, [&](int64_t from, int64_t to) {
    for (int64_t number = from; number < to; number++) {
      const int64_t head = number / taken, start = (begin + number % taken * step) * length;
      compute(Chunk{head / shape.heads, head % shape.heads, start, std::min(shape.tokens, start + length)});
    }
  });
}

std::tuple<Tensor, Tensor> forward(const Tensor& query_, const Tensor& key_, const Tensor& value_,
                                   int64_t half_window, const std::optional<Tensor>& real_, bool needs_sums) {
  const Tensor query = with_contiguous_rows(query_), key = with_contiguous_rows(key_),
               value = with_contiguous_rows(value_), output = new_like(query);
  const std::optional<Tensor> real = real_ ? std::optional(real_->contiguous()) : std::nullopt;
  const auto dtype = query.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const Tensor sums = at::empty({needs_sums ? query.size(0) : 0, query.size(1), query.size(2), 2}, query.options().dtype(dtype));
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, query.scalar_type(), "local_attention", [&] {
    using S = Computed<scalar_t>;
    const Forward<scalar_t, S> task{shape_of(query, half_window, real), heads_of<const scalar_t>(query),
                                    heads_of<const scalar_t>(key), heads_of<const scalar_t>(value),
                                    heads_of<scalar_t>(output), needs_sums ? sums.data_ptr<S>() : nullptr};
    const auto compute = query.size(3) == 64 ? forward_chunk<scalar_t, S, 64> : forward_chunk<scalar_t, S, 0>;
    over_chunks(task.shape, 0, 1, [&](const Chunk& chunk) { compute(task, chunk); });
  });
  return {output, sums};
}

std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& gradient_, const Tensor& query_, const Tensor& key_,
                                            const Tensor& value_, const Tensor& output, const Tensor& sums,
                                            int64_t half_window, const std::optional<Tensor>& real_) {
  const Tensor gradient = with_contiguous_rows(gradient_), query = with_contiguous_rows(query_),
               key = with_contiguous_rows(key_), value = with_contiguous_rows(value_);
  const std::optional<Tensor> real = real_ ? std::optional(real_->contiguous()) : std::nullopt;
  const Tensor dq = new_like(query), dk = new_like(query), dv = new_like(query);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kBFloat16, at::kHalf, query.scalar_type(), "local_attention", [&] {
    using S = Computed<scalar_t>;
    const Backward<scalar_t, S> task{shape_of(query, half_window, real), heads_of<const scalar_t>(query),
                                     heads_of<const scalar_t>(key), heads_of<const scalar_t>(value),
                                     heads_of<const scalar_t>(output), heads_of<const scalar_t>(gradient),
                                     sums.data_ptr<S>(), heads_of<scalar_t>(dq), heads_of<scalar_t>(dk), heads_of<scalar_t>(dv)};
    const auto compute = query.size(3) == 64 ? backward_chunk<scalar_t, S, 64> : backward_chunk<scalar_t, S, 0>;
    for (bool is_odd : {false, true})
      over_chunks(task.shape, is_odd, 2, [&](const Chunk& chunk) { compute(task, chunk, is_odd); });
  });
  return {dq, dk, dv};
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
