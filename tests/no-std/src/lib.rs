//! One crate of floor 1 (chosen by a feature), linked without `std`.
//!
//! The panic handler and the allocator here are the proof: were `std` anywhere in the dependency tree, there would be two
//! panic handlers and the compiler would refuse. `check.sh` then links the library into a program without a C library
//! and runs it: [`causeway_check`] does real work of that crate and gives back 0.
#![no_std]

extern crate alloc;

mod checks;
mod heap;

use core::panic::PanicInfo;

#[global_allocator]
static HEAP: heap::Bump = heap::Bump::new();

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // Ends the process with a signal that is not success; there is nothing to print to.
    loop {
        // SAFETY: provided by the program that links this library; it does not return.
        unsafe { causeway_abort() }
    }
}

unsafe extern "C" {
    fn causeway_abort();
}

/// Runs the linked crate's checks; 0 if all hold, else the number of the first that does not.
#[unsafe(no_mangle)]
pub extern "C" fn causeway_check() -> i32 {
    checks::run()
}
