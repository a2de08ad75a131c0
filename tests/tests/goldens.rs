//! Upstream's golden cases: observers, parameters, weights and outputs, compared with what upstream recorded.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;

use quantize_build::calibrate::observer::Observer;
use quantize_build::config::Config;
use quantize_tests::golden::Case;
use quantize_tests::golden::parity::Parity;
use quantize_tests::golden::upstream::Prepared;
use quantize_tests::{npy, repository};

/// Cases that are covered whole; the first two are committed, the others are in the shared material.
const CASES: [&str; 24] = [
    "mlp",
    "convnet_per_channel",
    "convnet_per_tensor",
    "conv_a8w4",
    "conv_a16w8",
    "uint8_io",
    "bn_fold",
    "cat_split",
    "fusion",
    "residual",
    "pools",
    "multi_io",
    "interleaved",
    "mixed_configs",
    "mobile_block",
    "embedding",
    "gelu_mlp",
    "histogram",
    "histogram_a16",
    "lstm",
    "mean_var",
    "tables",
    "trans_conv",
    "transformer",
];
const COMMITTED: usize = 2;

/// Cases with regions of integers and regions of real numbers.
const PARTIAL: [&str; 7] = [
    "io_only",
    "partial_by_name",
    "partial_by_type",
    "node_target_none",
    "precedence_legacy",
    "precedence_name_then_type",
    "precedence_type_then_name",
];

/// A histogram search that stops one bin earlier or later.
const BIN_FLIP: f64 = 1e-3;

/// Tensors of an `.npz` file by name.
fn npz(path: &Path) -> BTreeMap<String, Vec<f32>> {
    let file = std::fs::File::open(path).expect("readable");
    let mut archive = zip::ZipArchive::new(file).expect("a zip file");
    let mut tensors = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).expect("readable");
        let name = member.name().expect("UTF-8").trim_end_matches(".npy").to_owned();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).expect("readable");
        let tensor = npy::parse(&bytes, &name);
        tensors.insert(name, tensor);
    }
    tensors
}

#[test]
fn observers_fed_with_recorded_streams_are_equal_bit_for_bit() {
    let configs = [
        ("mlp", Config::PER_CHANNEL),
        ("multi_io", Config::PER_CHANNEL),
        ("histogram", Config::PER_CHANNEL),
        ("histogram_a16", Config::A16W8),
    ];
    for (name, config) in configs {
        for case in Case::named(&[name]) {
            let streams = npz(&case.folder.join("observer_streams.npz"));
            let histograms = npz(&case.folder.join("histograms.npz"));
            let recorded = Prepared::new(&case).observers;
            let activations: Vec<_> = recorded.iter().filter(|(_, observer)| !observer.is_parameter).collect();
            assert!(activations.len() > 1, "{name}: no observers");
            for (id, recorded) in activations {
                let mut observer = Observer::new(config.activation);
                // Keys are "<observer>.<sequence>"; the map keeps sequences in order.
                let of_observer = streams.iter().filter(|(key, _)| key.rsplit_once('.').is_some_and(|key| key.0 == id));
                let fed = of_observer.map(|(_, tensor)| observer.observe(tensor)).count();
                assert!(fed > 0, "{name}: no stream for {id}");
                let params = observer.params();
                assert_eq!(params.scale.to_bits(), recorded.scale.to_bits(), "{name}: scale of {id}");
                assert_eq!(params.zero_point, recorded.zero_point, "{name}: zero point of {id}");
                assert_eq!(observer.histogram(), Some(histograms[id].as_slice()), "{name}: histogram of {id}");
            }
        }
    }
}

#[test]
fn covered_cases_are_upstreams() {
    let models = |case| ["model.onnx", "model.pt2"].map(|model| (Rc::clone(&case), model));
    for (case, model) in Case::named(&CASES).into_iter().map(Rc::new).flat_map(models) {
        let name = format!("{}/{model}", case.name);
        let parity = Parity::measure(&case, model).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(parity.missing, None, "{name}");
        assert!(parity.strays.is_empty(), "{name}: {:?}", parity.strays);
        for (what, share) in [
            ("float nodes", parity.float_nodes),
            ("observers", parity.observers),
            ("weights", parity.weights),
            ("integer outputs", parity.integers),
        ] {
            assert!(share.total > 0 && share.is_whole(), "{name}: {what}: {share}");
        }
        assert!(parity.zero_points == 0, "{name}: zero points differ by {}", parity.zero_points);
        let flips = &parity.flips;
        assert!(flips.len() * 4 <= parity.observers.total, "{name}: too many bin flips: {flips:?}");
        assert!(flips.iter().all(|(_, difference)| *difference < BIN_FLIP), "{name}: {flips:?}");
        assert!(parity.full.is_whole(), "{name}: outputs of the full profile: {}", parity.full);
        let fewer = parity.transposes.is_none_or(|[ours, theirs]| ours <= theirs);
        assert!(fewer, "{name}: more TRANSPOSE than upstream: {:?}", parity.transposes);
        let beyond_one = parity.outputs.total - parity.outputs.equal;
        assert!(beyond_one * 100 <= parity.outputs.total, "{name}: {beyond_one} outputs beyond one quantum");
        assert!(parity.largest <= 2.0, "{name}: an output is {} quanta off", parity.largest);
    }
}

#[test]
fn partly_quantized_cases_are_upstreams() {
    for case in Case::named(&PARTIAL) {
        let name = &case.name;
        let parity = Parity::measure(&case, "model.onnx").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(parity.missing, None, "{name}");
        assert!(parity.strays.is_empty(), "{name}: {:?}", parity.strays);
        for (what, share) in [
            ("float nodes", parity.float_nodes),
            ("observers", parity.observers),
            ("outputs", parity.outputs),
            ("outputs of the full profile", parity.full),
        ] {
            assert!(share.total > 0 && share.is_whole(), "{name}: {what}: {share}");
        }
        assert!(parity.weights.is_whole(), "{name}: weights: {}", parity.weights);
    }
}

#[test]
fn two_cases_are_committed() {
    for name in &CASES[..COMMITTED] {
        assert!(repository("tests/data/goldens").join(name).join("qparams.json").is_file(), "{name}");
    }
}
