//! Guests in WebAssembly text: the body of one world's exports, completed and made a component.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// `result::ok` in the memory of every guest.
pub(crate) const OK: &str = "(i32.const 0)";

/// A guest in the making.
pub(crate) struct GuestText {
    world: &'static str,
    interface: &'static str,
    name: String,
    version: String,
    schema: String,
    imports: String,
    body: String,
}

/// A guest of world `WORLD-plugin`.
pub(crate) fn guest(world: &'static str) -> GuestText {
    GuestText {
        world,
        interface: if world == "stateful-policy" { "policy" } else { world },
        name: "hand-made".to_owned(),
        version: "1.0.0".to_owned(),
        schema: String::new(),
        imports: String::new(),
        body: String::new(),
    }
}

impl GuestText {
    pub(crate) fn name(mut self, name: &str) -> GuestText {
        self.name = name.to_owned();
        self
    }

    pub(crate) fn version(mut self, version: &str) -> GuestText {
        self.version = version.to_owned();
        self
    }

    pub(crate) fn schema(mut self, schema: &str) -> GuestText {
        self.schema = schema.to_owned();
        self
    }

    /// Imports `interface.function` as `$function`.
    pub(crate) fn import(mut self, interface: &str, function: &str, signature: &str) -> GuestText {
        self.imports += &format!("(import \"curricle:plugin/{interface}@0.1.0\" \"{function}\" (func ${function} {signature}))\n");
        self
    }

    /// Exports a function of the world's interface.
    pub(crate) fn export(self, function: &str, rest: &str) -> GuestText {
        let interface = self.interface;
        self.export_of(interface, function, rest)
    }

    /// Exports a function of another interface.
    pub(crate) fn export_of(mut self, interface: &str, function: &str, rest: &str) -> GuestText {
        self.body += &format!("(func (export \"curricle:plugin/{interface}@0.1.0#{function}\") {rest})\n");
        self
    }

    /// Adds anything else to the module.
    pub(crate) fn with(mut self, text: &str) -> GuestText {
        self.body += text;
        self
    }

    /// With other text in place of some of what was exported, which must be there.
    pub(crate) fn replace(mut self, from: &str, to: &str) -> GuestText {
        assert!(self.body.contains(from), "{from} is not in {}", self.body);
        self.body = self.body.replace(from, to);
        self
    }

    /// The core module.
    pub(crate) fn module(&self) -> Vec<u8> {
        // From 16: the description, four strings. From 256: their bytes. From 0: a `result::ok`. From 64: room for answers.
        let mut description = Vec::new();
        let mut texts = Vec::new();
        for text in [&self.name, &self.version, &"Made by hand".to_owned(), &self.schema] {
            description.extend((256 + texts.len() as u32).to_le_bytes());
            description.extend((text.len() as u32).to_le_bytes());
            texts.extend(text.bytes());
        }
        let text = format!(
            r#"(module
                {imports}
                (memory (export "memory") 4)
                (global $next (mut i32) (i32.const 131072))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                    (global.set $next (i32.add (local.get $at) (local.get 3)))
                    (local.get $at))
                (data (i32.const 16) "{description}")
                (data (i32.const 256) "{texts}")
                (func (export "curricle:plugin/{interface}@0.1.0#describe") (result i32) (i32.const 16))
                {body})"#,
            imports = self.imports,
            description = escape(&description),
            texts = escape(&texts),
            interface = self.interface,
            body = self.body,
        );
        wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
    }

    /// The component.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/wit")).unwrap();
        let world = resolve.select_world(&[package], Some(&format!("{}-plugin", self.world))).unwrap();
        let mut module = self.module();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    /// The component in a file.
    pub(crate) fn file(&self) -> GuestFile {
        GuestFile::new(&self.component())
    }
}

/// A plugin's file for the time of a test.
pub(crate) struct GuestFile {
    folder: TempDir,
}

impl GuestFile {
    pub(crate) fn new(bytes: &[u8]) -> GuestFile {
        let folder = tempfile::tempdir().unwrap();
        let file = GuestFile { folder };
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    pub(crate) fn path(&self) -> PathBuf {
        Path::join(self.folder.path(), "p.wasm")
    }
}

fn escape(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
