//! Compiles the .proto files without protoc, writes the descriptor set that reflection serves, and derives from it the
//! shapes by which messages of peers are checked before they are decoded (`src/strict.rs`).

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

const PEER: &str = "causeway/peer/v1/peer.proto";
const ADMIN: &str = "causeway/admin/v1/admin.proto";
const EXCHANGE: &str = "causeway/exchange/v1/exchange.proto";
const PEER_PACKAGE: &str = "causeway.peer.v1";

/// Most items of each repeated field that a peer may send. A repeated field that is not named here fails the build.
const ITEMS_MAX: &[(&str, u32)] = &[
    // Far above any organisation's bridges; a Hello of so many lanes still fits one message.
    ("HelloRequest.lanes", 4096),
    ("HelloResponse.verdicts", 4096),
    // Light clients have about ten parameters.
    ("ClientTerms.parameters", 64),
    // 1,024 ranges: a hint that is cut short costs only a sweep.
    ("RangesHeld.bounds", 2048),
    // The page size's own limit.
    ("ListPendingResponse.bundles", 1000),
];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let peer = protox::compile([PEER], ["."])?;
    let admin = protox::compile([ADMIN], ["."])?;
    fs::write(out.join("shapes.rs"), shapes(&peer)?)?;
    let exchange = protox::compile([EXCHANGE], ["."])?;
    let all = protox::compile([PEER, ADMIN, EXCHANGE], ["."])?;
    fs::write(out.join("causeway.fds"), prost::Message::encode_to_vec(&all))?;

    tonic_prost_build::configure()
        .bytes(".")
        .codec_path("crate::codec::StrictCodec")
        .emit_rerun_if_changed(false)
        .compile_fds(peer)?;
    tonic_prost_build::configure().emit_rerun_if_changed(false).compile_fds(admin)?;
    tonic_prost_build::configure().emit_rerun_if_changed(false).compile_fds(exchange)?;
    for path in ["build.rs", PEER, ADMIN, EXCHANGE] {
        println!("cargo::rerun-if-changed={path}");
    }
    Ok(())
}

/// Rust source of one `Shape` per message of the peer's package.
fn shapes(fds: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let file = fds.file.iter().find(|f| f.package() == PEER_PACKAGE).ok_or("no peer package")?;
    let mut source = String::new();
    for message in &file.message_type {
        if !message.nested_type.is_empty() {
            return Err(format!("{}: nested messages have no shape yet", message.name()).into());
        }
        shape(&mut source, message)?;
    }
    Ok(source)
}

fn shape(source: &mut String, message: &DescriptorProto) -> Result<(), Box<dyn Error>> {
    let name = message.name();
    if message.field.len() > 16 {
        return Err(format!("{name}: more than 16 fields").into());
    }
    writeln!(source, "static {}: Shape = Shape {{ name: {name:?}, fields: &[", constant(name))?;
    for field in &message.field {
        let many = field.label() == Label::Repeated;
        let items = if many { items_max(name, field)? } else { 1 };
        let (kind, times) = kind(field, many, items)?;
        let oneof = field.oneof_index.map_or(0, |index| index + 1);
        writeln!(source, "    Field {{ number: {}, kind: {kind}, times: {times}, oneof: {oneof} }},", field.number())?;
    }
    writeln!(source, "] }};")?;
    writeln!(
        source,
        "impl Strict for crate::peer::v1::{name} {{ const SHAPE: &'static Shape = &{}; }}",
        constant(name)
    )?;
    Ok(())
}

/// The field's kind on the wire, and how often it may stand in one message.
fn kind(field: &FieldDescriptorProto, many: bool, items: u32) -> Result<(String, u32), Box<dyn Error>> {
    Ok(match field.r#type() {
        Type::Message => {
            let name = field.type_name().rsplit('.').next().unwrap_or_default().to_owned();
            (format!("Kind::Message(&{})", constant(&name)), items)
        }
        Type::Bytes | Type::String => ("Kind::Bytes".into(), items),
        Type::Uint64 if many => (format!("Kind::Packed {{ items_max: {items} }}"), 1),
        Type::Uint64 if !many => ("Kind::Varint { max: u64::MAX }".into(), 1),
        Type::Uint32 if !many => ("Kind::Varint { max: u32::MAX as u64 }".into(), 1),
        // A negative number would take ten bytes; no field of a peer has one.
        Type::Int32 if !many => ("Kind::Varint { max: i32::MAX as u64 }".into(), 1),
        other => return Err(format!("{}: no shape for {other:?}", field.name()).into()),
    })
}

fn items_max(message: &str, field: &FieldDescriptorProto) -> Result<u32, Box<dyn Error>> {
    let path = format!("{message}.{}", field.name());
    let found = ITEMS_MAX.iter().find(|(name, _)| *name == path);
    found.map(|(_, max)| *max).ok_or_else(|| format!("{path}: a repeated field needs a bound in ITEMS_MAX").into())
}

/// `HelloRequest` → `HELLO_REQUEST`.
fn constant(name: &str) -> String {
    let mut upper = String::new();
    for (at, letter) in name.chars().enumerate() {
        if at > 0 && letter.is_uppercase() {
            upper.push('_');
        }
        upper.extend(letter.to_uppercase());
    }
    upper
}
