package table

import (
	"cmp"
	"fmt"
	"net/netip"
	"reflect"
	"sort"
	"strings"
	"unsafe"
)

// compareAt compares two values of one type, given where they are.
type compareAt func(a, b unsafe.Pointer) int

// mustOrder returns the order of T, and panics with the user's name when T has none. It takes pointers, for values that
// lie in a table already, so that comparing them moves nothing to the heap.
func mustOrder[T any](user string) func(a, b *T) int {
	t := reflect.TypeFor[T]()
	if m, ok := t.MethodByName("Compare"); ok {
		if f, ok := m.Func.Interface().(func(a, b T) int); ok {
			return func(a, b *T) int { return f(*a, *b) }
		}
	}
	at, err := orderOf(t)
	if err != nil {
		panic(fmt.Sprintf("table: %s: %v: give it a Compare method", user, err))
	}
	return func(a, b *T) int { return at(unsafe.Pointer(a), unsafe.Pointer(b)) }
}

// search finds v among n sorted values: the first position whose value is not before it, and whether that is v itself.
func search[T any](n int, at func(int) *T, v *T, order func(a, b *T) int) (int, bool) {
	i := sort.Search(n, func(i int) bool { return order(at(i), v) >= 0 })
	return i, i < n && order(at(i), v) == 0
}

// orderOf builds the structural order of a type once, so that comparing needs no reflection.
func orderOf(t reflect.Type) (compareAt, error) {
	switch t {
	case reflect.TypeFor[netip.Addr]():
		return func(a, b unsafe.Pointer) int { return (*netip.Addr)(a).Compare(*(*netip.Addr)(b)) }, nil
	case reflect.TypeFor[netip.AddrPort]():
		return func(a, b unsafe.Pointer) int { return (*netip.AddrPort)(a).Compare(*(*netip.AddrPort)(b)) }, nil
	case reflect.TypeFor[netip.Prefix]():
		return func(a, b unsafe.Pointer) int { return (*netip.Prefix)(a).Compare(*(*netip.Prefix)(b)) }, nil
	}
	switch t.Kind() {
	case reflect.String:
		return func(a, b unsafe.Pointer) int { return strings.Compare(*(*string)(a), *(*string)(b)) }, nil
	case reflect.Bool:
		return func(a, b unsafe.Pointer) int { return cmp.Compare(*(*uint8)(a), *(*uint8)(b)) }, nil
	case reflect.Struct:
		return structOrder(t)
	case reflect.Array:
		return arrayOrder(t)
	}
	if f := numberOrder(t.Kind()); f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("type %v has no order", t)
}

func structOrder(t reflect.Type) (compareAt, error) {
	type field struct {
		offset uintptr
		order  compareAt
	}
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		order, err := orderOf(f.Type)
		if err != nil {
			return nil, fmt.Errorf("field %s of %v: %w", f.Name, t, err)
		}
		fields = append(fields, field{f.Offset, order})
	}
	return func(a, b unsafe.Pointer) int {
		for _, f := range fields {
			if c := f.order(unsafe.Add(a, f.offset), unsafe.Add(b, f.offset)); c != 0 {
				return c
			}
		}
		return 0
	}, nil
}

func arrayOrder(t reflect.Type) (compareAt, error) {
	order, err := orderOf(t.Elem())
	if err != nil {
		return nil, err
	}
	n, size := t.Len(), t.Elem().Size()
	return func(a, b unsafe.Pointer) int {
		for i := range n {
			at := uintptr(i) * size
			if c := order(unsafe.Add(a, at), unsafe.Add(b, at)); c != 0 {
				return c
			}
		}
		return 0
	}, nil
}

func numberOrder(k reflect.Kind) compareAt {
	switch k {
	case reflect.Int:
		return numbers[int]
	case reflect.Int8:
		return numbers[int8]
	case reflect.Int16:
		return numbers[int16]
	case reflect.Int32:
		return numbers[int32]
	case reflect.Int64:
		return numbers[int64]
	case reflect.Uint:
		return numbers[uint]
	case reflect.Uint8:
		return numbers[uint8]
	case reflect.Uint16:
		return numbers[uint16]
	case reflect.Uint32:
		return numbers[uint32]
	case reflect.Uint64:
		return numbers[uint64]
	}
	return nil
}

func numbers[N cmp.Ordered](a, b unsafe.Pointer) int { return cmp.Compare(*(*N)(a), *(*N)(b)) }

// equalOf returns how rows of type R are compared by default.
func equalOf[R any]() func(a, b R) bool {
	t := reflect.TypeFor[R]()
	if m, ok := t.MethodByName("Equal"); ok {
		if f, ok := m.Func.Interface().(func(a, b R) bool); ok {
			return f
		}
	}
	if plainly(t) {
		return func(a, b R) bool { return any(a) == any(b) }
	}
	return func(a, b R) bool { return reflect.DeepEqual(a, b) }
}

// plainly says whether == on values of t compares contents: no pointers (but for the interned ones inside netip
// addresses) and no interfaces, whose contents might not be comparable.
func plainly(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[netip.Prefix]():
		return true
	}
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if !plainly(t.Field(i).Type) {
				return false
			}
		}
		return true
	case reflect.Array:
		return plainly(t.Elem())
	case reflect.Pointer, reflect.Interface, reflect.UnsafePointer, reflect.Chan:
		return false
	}
	return t.Comparable()
}

// plain is the text of any value.
func plain[T any](v T) string { return fmt.Sprint(v) }
