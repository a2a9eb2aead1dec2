// Package prque is a priority queue with the interface that the node expects of the package of this name, which no module
// proxy serves any more. The highest priority comes out first.
package prque

import "container/heap"

type item struct {
	value    interface{}
	priority float32
}

type items []item

func (s items) Len() int            { return len(s) }
func (s items) Less(i, j int) bool  { return s[i].priority > s[j].priority }
func (s items) Swap(i, j int)       { s[i], s[j] = s[j], s[i] }
func (s *items) Push(x interface{}) { *s = append(*s, x.(item)) }
func (s *items) Pop() interface{} {
	last := len(*s) - 1
	x := (*s)[last]
	(*s)[last] = item{}
	*s = (*s)[:last]
	return x
}

// Prque is the queue.
type Prque struct{ items items }

// New makes an empty queue.
func New() *Prque { return &Prque{} }

// Push adds a value with its priority.
func (p *Prque) Push(value interface{}, priority float32) { heap.Push(&p.items, item{value, priority}) }

// Pop takes the value of the highest priority, and that priority.
func (p *Prque) Pop() (interface{}, float32) {
	x := heap.Pop(&p.items).(item)
	return x.value, x.priority
}

// PopItem takes the value of the highest priority.
func (p *Prque) PopItem() interface{} { return heap.Pop(&p.items).(item).value }

// Size is how many values wait.
func (p *Prque) Size() int { return len(p.items) }

// Empty says whether none waits.
func (p *Prque) Empty() bool { return len(p.items) == 0 }

// Reset forgets all.
func (p *Prque) Reset() { p.items = nil }
