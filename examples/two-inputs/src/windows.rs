//! Measured windows, one of each condition, with the outputs of the float network. Written by `models/make_model.py`.

/// Features of both sensors over one window of time and what the float network gives for them.
pub(crate) struct Window {
    pub(crate) label: &'static str,
    pub(crate) vibration: [f32; 8],
    pub(crate) current: [f32; 6],
    pub(crate) condition: [f32; 3],
    pub(crate) state: [f32; 8],
}

/// One window of each condition.
pub(crate) const WINDOWS: [Window; 3] = [
    Window {
        label: "idle",
        vibration: [0.13, 0.04, 0.07, 0.07, 0.12, 0.03, 0.25, 0.05],
        current: [0.39, 0.02, 0.05, 0.17, 0.37, 0.07],
        condition: [6.0237, -3.6243, -4.4016],
        state: [-0.008, 0.2995, 0.293, -0.8972, 0.9214, 0.7612, -0.1949, 0.7012],
    },
    Window {
        label: "running",
        vibration: [0.26, 1.76, 0.99, 0.55, 0.27, 0.39, 0.19, 0.27],
        current: [2.48, 0.27, 0.57, 0.12, 0.17, 0.11],
        condition: [-9.1542, 13.7312, -0.3237],
        state: [2.2223, 1.0418, 0.4552, 3.3344, -0.6981, 0.5484, 0.2552, 0.0815],
    },
    Window {
        label: "worn",
        vibration: [0.53, 1.91, 1.35, 0.69, 0.89, 1.57, 0.9, 0.41],
        current: [2.54, 0.24, 0.83, 0.03, 0.77, 0.53],
        condition: [-10.2655, -0.2144, 20.382],
        state: [0.8805, -0.6015, 0.8383, 2.4255, -2.0631, 2.861, 1.3793, -0.8305],
    },
];
