//! The parts of an exported program, put into an archive whose checksums are right: program, weights and constants as JSON and the
//! bytes of a storage, with a line of three dashes between them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quantize_build::frontend::{Shapes, pt2};
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const SEPARATOR: &[u8] = b"\n---\n";

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    let mut part = || {
        let end = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        let (part, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + SEPARATOR.len()..]));
        rest = after;
        part
    };
    let (program, weights, constants) = (part(), part(), part());
    let storage = rest;
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let entries: [(&str, &[u8]); 8] = [
        ("m/archive_format", b"pt2"),
        ("m/archive_version", b"0"),
        ("m/byteorder", b"little"),
        ("m/models/model.json", program),
        ("m/data/weights/model_weights_config.json", weights),
        ("m/data/constants/model_constants_config.json", constants),
        ("m/data/weights/weight_0", storage),
        ("m/data/constants/tensor_0", storage),
    ];
    for (name, contents) in entries {
        archive.start_file(name, stored).expect("in memory");
        archive.write_all(contents).expect("in memory");
    }
    let archive = archive.finish().expect("in memory").into_inner();
    let shapes = Shapes::from([("x".to_owned(), vec![1, 3, 8, 8])]);
    let _ = pt2::import("model.pt2", &archive, &shapes);
    let _ = pt2::import("model.pt2", &archive, &Shapes::new());
});
