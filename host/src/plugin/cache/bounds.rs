//! What is never compiled, because the compiler would take too long or too much memory over it: bounds that are the same on every machine,
//! far above what the compilers of any language make.

use wasmparser::{BinaryReaderError, FunctionBody, Parser, Payload};

use crate::{FaultKind, Result, plugin::report};

/// Bounds, and beside each what CPython 3.14 has, the largest guest known.
const MOST: Size = Size {
    modules: 1_000,        // 42
    items: 100_000,        // 3 159
    functions: 250_000,    // 13 516
    body: 4 << 20,         // 426 843
    values: 1_000_000_000, // 3 466 632
};

/// What the work of a compiler grows with.
#[derive(Debug, Default, PartialEq, Eq)]
struct Size {
    /// Core modules and components, at any depth.
    modules: u64,
    /// Types, imports, exports, instances and what else the outside of modules and components is made of, all checked against each other.
    items: u64,
    functions: u64,
    /// Bytes of the largest function.
    body: u64,
    /// Locals of a function times its bytes: each may have another value after every branch.
    values: u64,
}

/// Refuses a component over a bound.
pub(super) fn check(plugin: &str, bytes: &[u8]) -> Result<()> {
    let size = measure(bytes).map_err(|e| {
        let problem = format!("it cannot be compiled: {} at byte {} of {}", report::sentence(e.message()), e.offset(), bytes.len());
        report::load(plugin, FaultKind::Load, problem, "build it again; if that does not help, tell the author of its compiler")
    })?;
    let Some((found, most, what)) = size.over(&MOST) else { return Ok(()) };
    let problem = format!("it cannot be compiled: it has {found} {what}, the most is {most}");
    Err(report::load(plugin, FaultKind::Load, problem, "build it of fewer and smaller parts"))
}

impl Size {
    /// What is found to be more than allowed, the bound and what it is of.
    fn over(&self, most: &Size) -> Option<(u64, u64, &'static str)> {
        [
            (self.modules, most.modules, "modules"),
            (self.items, most.items, "types, imports and exports"),
            (self.functions, most.functions, "functions"),
            (self.body, most.body, "bytes in one function"),
            (self.values, most.values, "locals times bytes in one function"),
        ]
        .into_iter()
        .find(|(found, most, _)| found > most)
    }
}

fn measure(bytes: &[u8]) -> Result<Size, BinaryReaderError> {
    let mut size = Size::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let items = match payload? {
            Payload::Version { .. } => {
                size.modules += 1;
                0
            }
            Payload::CodeSectionEntry(body) => {
                let length = body.range().len() as u64;
                size.functions += 1;
                size.body = size.body.max(length);
                size.values = size.values.max(locals(&body)?.saturating_mul(length));
                0
            }
            Payload::TypeSection(section) => section.count(),
            Payload::CoreTypeSection(section) => section.count(),
            Payload::InstanceSection(section) => section.count(),
            Payload::ComponentTypeSection(section) => section.count(),
            Payload::ComponentInstanceSection(section) => section.count(),
            Payload::ComponentAliasSection(section) => section.count(),
            Payload::ComponentCanonicalSection(section) => section.count(),
            Payload::ComponentImportSection(section) => section.count(),
            Payload::ComponentExportSection(section) => section.count(),
            _ => 0,
        };
        size.items = size.items.saturating_add(items.into());
    }
    Ok(size)
}

fn locals(body: &FunctionBody<'_>) -> Result<u64, BinaryReaderError> {
    body.get_locals_reader()?.into_iter().try_fold(0u64, |sum, group| Ok(sum.saturating_add(u64::from(group?.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(component: &str) -> String {
        check("p", &wat::parse_str(component).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn what_takes_too_long_to_compile_is_refused_by_what_it_has_too_much_of() {
        let large = format!("(component (core module (func {})))", "nop ".repeat(MOST.body as usize));
        assert_eq!(
            refused(&large),
            "plugin `p`, load: it cannot be compiled: it has 4194306 bytes in one function, the most is 4194304; build it of fewer and smaller \
             parts"
        );
        let wide = format!("(component (core module (func (local {}) {})))", "i64 ".repeat(40_000), "nop ".repeat(40_000));
        assert!(refused(&wide).contains("locals times bytes in one function, the most is 1000000000"));
        let many = format!("(component {})", "(core module)".repeat(MOST.modules as usize));
        assert!(refused(&many).contains("it has 1001 modules, the most is 1000"));
    }

    #[test]
    fn every_part_is_counted() {
        let component = r#"(component
            (import "a" (func)) (core module $m (type (func)) (func (local i32 i32) nop) (func)) (core instance (instantiate $m)))"#;
        let size = measure(&wat::parse_str(component).unwrap()).unwrap();
        // The import and its type, the module's type, the instance.
        let expected = Size { modules: 2, items: 4, functions: 2, body: 5, values: 10 };
        assert_eq!(size, expected);
    }
}
