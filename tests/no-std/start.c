/* A program without a C library around one static library: its entry, the memory functions that compilers call, and the
 * two system calls that it ends with. What does not link here needs more than `core` and `alloc`. */
#include <stddef.h>

int causeway_check(void);

void *memcpy(void *to, const void *from, size_t n) {
  unsigned char *t = to; const unsigned char *f = from;
  while (n--) *t++ = *f++;
  return to;
}
void *memmove(void *to, const void *from, size_t n) {
  unsigned char *t = to; const unsigned char *f = from;
  if (t < f) while (n--) *t++ = *f++; else while (n--) t[n] = f[n];
  return to;
}
void *memset(void *to, int byte, size_t n) {
  unsigned char *t = to;
  while (n--) *t++ = (unsigned char)byte;
  return to;
}
int memcmp(const void *a, const void *b, size_t n) {
  const unsigned char *x = a, *y = b;
  for (; n--; x++, y++) if (*x != *y) return *x - *y;
  return 0;
}
int bcmp(const void *a, const void *b, size_t n) { return memcmp(a, b, n); }
size_t strlen(const char *s) { size_t n = 0; while (s[n]) n++; return n; }

static void end(int code) {
#if defined(__x86_64__)
  __asm__ volatile("syscall" : : "a"(60), "D"(code) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = 93; register long x0 __asm__("x0") = code;
  __asm__ volatile("svc 0" : : "r"(x8), "r"(x0) : "memory");
#else
#error "add this processor's exit call"
#endif
  __builtin_unreachable();
}

void causeway_abort(void) { end(101); }

/* The compiler ships `alloc` built with unwinding, so its landing pads name these two. A library that aborts on panic never
 * gets there; should it, the program ends with a failure. */
void _Unwind_Resume(void) { end(102); }
void rust_eh_personality(void) { end(103); }

__attribute__((used)) static void main_(void) { end(causeway_check()); }

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  and $-16, %rsp\n  call main_\n");
#else
__asm__(".globl _start\n_start:\n  bl main_\n");
#endif
