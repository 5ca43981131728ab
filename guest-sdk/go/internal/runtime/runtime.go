// Package runtime lends memory to the host and to the bindings. What is lent is pinned, which keeps the collector off it, until it is unpinned.
package runtime

import (
	"runtime"
	"unsafe"
)

// lent is what the host asked for, since the last call of Unpin.
var lent runtime.Pinner

// Unpin gives what the host was lent back to the collector; what the plugin still refers to stays.
func Unpin() { lent.Unpin() }

// Allocate gives memory that is pinned until `pinner` is.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	var memory unsafe.Pointer
	switch align {
	case 1:
		memory = unsafe.Pointer(unsafe.SliceData(make([]uint8, size)))
	case 2:
		memory = unsafe.Pointer(unsafe.SliceData(make([]uint16, (size+1)/2)))
	case 4:
		memory = unsafe.Pointer(unsafe.SliceData(make([]uint32, (size+3)/4)))
	default:
		memory = unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	}
	pinner.Pin(memory)
	return memory
}

// realloc is how the host asks for memory in which it lays arguments and results.
//
//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	memory := Allocate(&lent, size, align)
	if old != nil && memory != nil {
		copy(unsafe.Slice((*byte)(memory), size), unsafe.Slice((*byte)(old), min(oldSize, size)))
	}
	return memory
}
