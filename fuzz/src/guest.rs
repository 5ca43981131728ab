//! Plugins that the fuzzer invents: components of the right type whose functions do anything.

use std::{fmt::Write, sync::OnceLock};

use arbitrary::{Arbitrary, Unstructured};
use wasm_smith::{Config, Module};
use wasmparser::{ExternalKind, FuncType, Parser, Payload, TypeRef, ValType};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

const WORLDS: [&str; 5] = ["pacing-plugin", "metric-plugin", "packer-plugin", "policy-plugin", "stateful-policy-plugin"];
/// Where the answer of `describe` lies, and its texts.
const DESCRIPTION: u32 = 16;
const TEXTS: u32 = 256;
/// Where bytes of the fuzzer's choice lie.
const DATA: u32 = 4096;
/// Texts that mean something to the host, so that guests come further than their first question.
const KNOWN: [&str; 8] = ["hand-made", "1.0.0", "made by chance", "length", "domain", "p", "all", "{}"];

/// A plugin, as instructions of how to write it down.
#[derive(Arbitrary, Debug)]
pub struct Guest {
    world: u8,
    /// What the functions do, in the order in which they are exported.
    bodies: Vec<Body>,
    /// What lies in memory from [`DATA`] on.
    data: Vec<u8>,
    /// Whether `describe` and `cabi_realloc` do what they should: mostly.
    dishonest: u8,
}

#[derive(Arbitrary, Debug)]
struct Body {
    statements: Vec<Statement>,
    answer: Value,
}

#[derive(Arbitrary, Debug)]
enum Statement {
    /// Calls an import.
    Call {
        import: u8,
        arguments: [Value; 8],
    },
    /// Opens a stream of all samples, as a policy would.
    Open,
    /// Draws from it.
    Draw {
        count: u8,
    },
    Store {
        at: u16,
        value: Value,
    },
    /// Copies what the last import answered there.
    Keep {
        at: u16,
    },
    Repeat {
        times: u16,
        statements: Vec<Statement>,
    },
    Grow {
        pages: u16,
    },
    Trap,
    Forever,
    Again,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Value {
    Small(u8),
    /// The address and, if there is room for it, the length of a text.
    Text(u8),
    /// An address of data, and perhaps a small length.
    Data(u8, u8),
    Any(u64),
    Loaded(u16),
}

/// What a core module of a world imports and exports.
struct Shape {
    resolve: Resolve,
    world: WorldId,
    module: Vec<u8>,
    imports: Vec<(String, String, FuncType)>,
    exports: Vec<(String, FuncType)>,
}

impl Shape {
    fn of(world: &str) -> Shape {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).expect("the contract");
        let world = resolve.select_world(&[package], Some(world)).expect("a world");
        let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
        let (mut types, mut imports, mut functions, mut exports) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(&module) {
            match payload.expect("a module") {
                Payload::TypeSection(section) => types = section.into_iter_err_on_gc_types().map(|ty| ty.expect("a type")).collect(),
                Payload::ImportSection(section) => {
                    for import in section.into_imports().map(|import| import.expect("an import")) {
                        if let TypeRef::Func(ty) = import.ty {
                            imports.push((import.module.to_owned(), import.name.to_owned(), types[ty as usize].clone()));
                        }
                    }
                }
                Payload::FunctionSection(section) => functions = section.into_iter().map(|ty| ty.expect("a function")).collect(),
                Payload::ExportSection(section) => {
                    for export in section.into_iter().map(|export| export.expect("an export")) {
                        if export.kind == ExternalKind::Func {
                            let ty = functions[export.index as usize - imports.len()];
                            exports.push((export.name.to_owned(), types[ty as usize].clone()));
                        }
                    }
                }
                _ => {}
            }
        }
        Shape { resolve, world, module, imports, exports }
    }

    /// Makes a component of a module of this shape; none if it is not quite of this shape.
    fn encode(&self, mut module: Vec<u8>) -> Option<Vec<u8>> {
        embed_component_metadata(&mut module, &self.resolve, self.world, StringEncoding::UTF8).ok()?;
        ComponentEncoder::default().module(&module).ok()?.encode().ok()
    }

    fn import(&self, name: &str) -> Option<usize> {
        self.imports.iter().position(|(_, found, _)| found == name)
    }
}

/// Calls `f` with the shape of a world, which is worked out once.
fn with_shape<T>(world: u8, f: impl FnOnce(&Shape) -> T) -> T {
    static SHAPES: [OnceLock<Shape>; WORLDS.len()] = [const { OnceLock::new() }; WORLDS.len()];
    let world = usize::from(world) % WORLDS.len();
    f(SHAPES[world].get_or_init(|| Shape::of(WORLDS[world])))
}

impl Guest {
    /// The component.
    pub fn component(&self) -> Option<Vec<u8>> {
        with_shape(self.world, |shape| {
            let text = self.module(shape);
            let module = wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            shape.encode(module)
        })
    }

    fn module(&self, shape: &Shape) -> String {
        let mut text = String::from("(module\n");
        for (i, (module, name, ty)) in shape.imports.iter().enumerate() {
            let _ = writeln!(text, "(import {module:?} {name:?} (func $import{i} {}))", signature(ty));
        }
        text += "(memory (export \"memory\") 4)\n(global $next (mut i32) (i32.const 131072))\n";
        let mut description = Vec::new();
        for known in [0, 1, 2, KNOWN.len()] {
            let (at, len) = place(known);
            description.extend([at.to_le_bytes(), len.to_le_bytes()].concat());
        }
        for (at, bytes) in [(DESCRIPTION, description.as_slice()), (TEXTS, KNOWN.concat().as_bytes()), (DATA, &self.data)] {
            let bytes: String = bytes.iter().take(1 << 14).map(|byte| format!("\\{byte:02x}")).collect();
            let _ = writeln!(text, "(data (i32.const {at}) \"{bytes}\")");
        }
        let mut bodies = self.bodies.iter();
        for (name, ty) in &shape.exports {
            let _ = writeln!(text, "(func (export {name:?}) {}", signature(ty));
            if name == "cabi_realloc" && self.dishonest % 16 != 1 {
                text += "(local $at i32) (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8))) \
                         (global.set $next (i32.add (local.get $at) (local.get 3))) (local.get $at))\n";
                continue;
            }
            if name.ends_with("#describe") && self.dishonest % 16 != 2 {
                let _ = writeln!(text, "(i32.const {DESCRIPTION}))");
                continue;
            }
            text += "(local $i0 i32) (local $i1 i32) (local $i2 i32) (local $i3 i32)\n";
            let body = bodies.next();
            for statement in body.map_or(&[][..], |body| &body.statements) {
                write_statement(&mut text, shape, statement, 0);
            }
            let answer = body.map_or(Value::Small(0), |body| body.answer);
            for ty in ty.results() {
                let _ = write!(text, "{} ", value(*ty, answer));
            }
            text += ")\n";
        }
        text.push(')');
        text
    }
}

fn write_statement(text: &mut String, shape: &Shape, statement: &Statement, depth: usize) {
    match statement {
        Statement::Call { import, arguments } => {
            let Some(i) = usize::from(*import).checked_rem(shape.imports.len()) else { return };
            let arguments = flatten(shape.imports[i].2.params(), arguments);
            call(text, shape, i, &arguments);
        }
        Statement::Open => {
            if let Some(i) = shape.import("open") {
                let (at, len) = place(6);
                let arguments = [at, len, 0, 0, 0, 0, 0, 64].map(|n| format!("(i32.const {n})"));
                call(text, shape, i, &arguments);
            }
        }
        Statement::Draw { count } => {
            if let Some(i) = shape.import("draw") {
                // Stream 0, so many.
                let _ = writeln!(text, "(i64.store (i32.const 96) (i64.const {}))", u64::from(*count) << 32);
                call(text, shape, i, &[96, 1, 100, 1, 64].map(|n| format!("(i32.const {n})")));
            }
        }
        Statement::Store { at, value: stored } => {
            let _ = writeln!(text, "(i64.store (i32.const {at}) {})", value(ValType::I64, *stored));
        }
        Statement::Keep { at } => {
            let _ = writeln!(text, "(memory.copy (i32.const {at}) (i32.const 64) (i32.const 32))");
        }
        Statement::Repeat { times, statements } if depth < 4 => {
            let _ = writeln!(text, "(local.set $i{depth} (i32.const {times})) (loop $l{depth}");
            for statement in statements.iter().take(16) {
                write_statement(text, shape, statement, depth + 1);
            }
            let _ = writeln!(
                text,
                "(br_if $l{depth} (i32.gt_s (local.tee $i{depth} (i32.sub (local.get $i{depth}) (i32.const 1))) (i32.const 0))))"
            );
        }
        Statement::Repeat { .. } => {}
        Statement::Grow { pages } => {
            let _ = writeln!(text, "(drop (memory.grow (i32.const {pages})))");
        }
        Statement::Trap => *text += "unreachable\n",
        Statement::Forever => *text += "(loop $forever (br $forever))\n",
        // Room is given out anew, over what lies there.
        Statement::Again => *text += "(global.set $next (i32.const 131072))\n",
    }
}

fn call(text: &mut String, shape: &Shape, i: usize, arguments: &[String]) {
    let ty = &shape.imports[i].2;
    // A shape that changed: the arguments would not fit.
    if arguments.len() != ty.params().len() {
        return;
    }
    let _ = writeln!(text, "(call $import{i} {}){}", arguments.join(" "), " drop".repeat(ty.results().len()));
}

/// Arguments of these types; a text or data takes two where two numbers follow one another.
fn flatten(types: &[ValType], values: &[Value]) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut values = values.iter().cycle();
    while arguments.len() < types.len() {
        let (ty, given) = (types[arguments.len()], values.next().copied().unwrap_or(Value::Small(0)));
        let pair = match given {
            Value::Text(which) => Some(place(usize::from(which) % KNOWN.len())),
            Value::Data(at, len) => Some((DATA + u32::from(at), u32::from(len))),
            _ => None,
        };
        match (pair, types.get(arguments.len() + 1)) {
            (Some((at, len)), Some(ValType::I32)) if ty == ValType::I32 => {
                arguments.extend([at, len].map(|n| format!("(i32.const {n})")));
            }
            _ => arguments.push(value(ty, given)),
        }
    }
    arguments
}

fn value(ty: ValType, value: Value) -> String {
    let number = match value {
        Value::Small(n) => u64::from(n),
        Value::Text(which) => u64::from(place(usize::from(which) % KNOWN.len()).0),
        Value::Data(at, _) => u64::from(DATA) + u64::from(at),
        Value::Any(n) => n,
        Value::Loaded(at) => {
            let name = match ty {
                ValType::I32 => "i32",
                ValType::I64 => "i64",
                ValType::F32 => "f32",
                _ => "f64",
            };
            return format!("({name}.load (i32.const {at}))");
        }
    };
    match ty {
        ValType::I32 => format!("(i32.const {})", number as u32),
        ValType::I64 => format!("(i64.const {number})"),
        ValType::F32 => format!("(f32.reinterpret_i32 (i32.const {}))", number as u32),
        _ => format!("(f64.reinterpret_i64 (i64.const {number}))"),
    }
}

fn signature(ty: &FuncType) -> String {
    let list = |word: &str, types: &[ValType]| types.iter().map(|ty| format!("({word} {ty}) ")).collect::<String>();
    list("param", ty.params()) + &list("result", ty.results())
}

/// Address and length of a known text; of the one past the last, an empty one.
fn place(which: usize) -> (u32, u32) {
    let before: usize = KNOWN.iter().take(which).map(|text| text.len()).sum();
    (TEXTS + before as u32, KNOWN.get(which).map_or(0, |text| text.len()) as u32)
}

/// What `wasm-smith` makes of some bytes: any component, or any module behind the types of a world.
pub fn smith(data: &[u8]) -> Option<Vec<u8>> {
    let mut unstructured = Unstructured::new(data);
    let which = u8::arbitrary(&mut unstructured).ok()?;
    let mut config = Config {
        max_memory32_bytes: 1 << 22,
        max_table_elements: 1 << 12,
        memory64_enabled: false,
        threads_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        ..Config::default()
    };
    if which < 64 {
        return Some(wasm_smith::Component::new(config, &mut unstructured).ok()?.to_bytes());
    }
    with_shape(which, |shape| {
        config.module_shape = Some(shape.module.clone());
        let module = Module::new(config, &mut unstructured).ok()?;
        shape.encode(module.to_bytes())
    })
}
