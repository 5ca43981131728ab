// Package types holds the shapes that generated bindings are written in: an option, a result, a pair.
package types

// Cases of an Option, as bindings ask for them.
const (
	OptionNone uint8 = iota
	OptionSome
)

// Option is a value or none.
type Option[T any] struct {
	some  bool
	value T
}

// None is no value.
func None[T any]() Option[T] { return Option[T]{} }

// Some is a value.
func Some[T any](value T) Option[T] { return Option[T]{true, value} }

// Tag is the case.
func (o Option[T]) Tag() uint8 {
	if o.some {
		return OptionSome
	}
	return OptionNone
}

// Some gives the value, which must be there.
func (o Option[T]) Some() T {
	if !o.some {
		panic("an option was asked for the value that it does not have")
	}
	return o.value
}

// SomeOr gives the value, or another where there is none.
func (o Option[T]) SomeOr(other T) T {
	if o.some {
		return o.value
	}
	return other
}

// Cases of a Result, as bindings ask for them.
const (
	ResultOk uint8 = iota
	ResultErr
)

// Result is an answer or a refusal.
type Result[T, E any] struct {
	refused bool
	value   T
	err     E
}

// Ok is an answer.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{value: value} }

// Err is a refusal.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{refused: true, err: err} }

// Tag is the case.
func (r Result[T, E]) Tag() uint8 {
	if r.refused {
		return ResultErr
	}
	return ResultOk
}

// IsErr tells a refusal.
func (r Result[T, E]) IsErr() bool { return r.refused }

// Ok gives the answer, which must be one.
func (r Result[T, E]) Ok() T {
	if r.refused {
		panic("a refusal was asked for its answer")
	}
	return r.value
}

// Err gives the refusal, which must be one.
func (r Result[T, E]) Err() E {
	if !r.refused {
		panic("an answer was asked for its refusal")
	}
	return r.err
}

// Tuple2 is a pair.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

// Unit is nothing.
type Unit struct{}
