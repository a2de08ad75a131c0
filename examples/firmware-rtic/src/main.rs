//! Judges a pump on a board: sensors are read in an interrupt, the network runs in a task that it interrupts.

#![no_std]
#![no_main]

use semihosting as _; // its panic handler

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    use cortex_m::peripheral::syst::SystClkSource;
    use pump::{CONDITIONS, OUTPUTS, Pump, PumpInputs, WINDOWS, bytes, sense};
    use quantize_runtime::Arena;
    use semihosting::{println, process};

    /// The clock of the board in QEMU.
    const HERTZ: u32 = 12_500_000;

    static ARENA: Arena<Pump> = Arena::new();

    #[shared]
    struct Shared {}

    #[local]
    struct Local {
        pump: Pump,
    }

    #[init]
    fn init(context: init::Context) -> (Shared, Local) {
        let mut timer = context.core.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(HERTZ / 100 - 1);
        timer.clear_current();
        timer.enable_counter();
        timer.enable_interrupt();
        (Shared {}, Local { pump: Pump::new(ARENA.take()) })
    }

    /// Reads the sensors, a hundred times a second.
    #[task(binds = SysTick, priority = 2, local = [window: usize = 0])]
    fn tick(context: tick::Context) {
        let window = context.local.window;
        if *window < WINDOWS {
            let (vibration, current) = sense(*window);
            let is_ready = judge::spawn(*window, vibration, current).is_ok();
            assert!(is_ready, "the network is slower than the sensors");
            *window += 1;
        }
    }

    /// Runs the network.
    #[task(priority = 1, local = [pump, equal: usize = 0])]
    async fn judge(context: judge::Context, window: usize, vibration: [f32; 8], current: [f32; 6]) {
        let outputs = context.local.pump.run(&PumpInputs { vibration: &vibration, current: &current });
        let scores = outputs.condition;
        let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
        println!("window {window:2}: {}", CONDITIONS[best]);

        *context.local.equal += usize::from(bytes(&outputs) == OUTPUTS[window]);
        if window + 1 == WINDOWS {
            println!("{} of {WINDOWS} outputs have the host's bytes", context.local.equal);
            process::exit(i32::from(*context.local.equal != WINDOWS));
        }
    }
}
