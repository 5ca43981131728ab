/// Makes a crate a plugin: `export!(policy: MyPolicy)`, or `stateful policy:`, `metric:`, `pacing:`, `packer:`.
///
/// Name, version and summary of the plugin are the package's `name`, `version` and `description` in `Cargo.toml`, checked as it compiles.
/// Natively it expands to these checks only, so that the same crate runs under `cargo test`.
#[macro_export]
macro_rules! export {
    (policy: $plugin:ty) => { $crate::__export!($plugin, Policy, policy); };
    (stateful policy: $plugin:ty) => { $crate::__export!($plugin, Snapshot, policy snapshot); };
    (metric: $plugin:ty) => { $crate::__export!($plugin, Metric, metric); };
    (pacing: $plugin:ty) => { $crate::__export!($plugin, Pacing, pacing); };
    (packer: $plugin:ty) => { $crate::__export!($plugin, Packer, packer); };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ty, $trait:ident, $($part:ident)*) => {
        const _: () = {
            #[allow(dead_code)]
            const DESCRIPTION: $crate::Description = $crate::Description {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                summary: env!("CARGO_PKG_DESCRIPTION"),
                config_schema: $crate::__schema!($plugin, $trait),
            }
            .checked();
            const fn is_plugin<T: $crate::$trait>() {}
            is_plugin::<$plugin>();

            #[cfg(target_family = "wasm")]
            struct Exported;
            #[cfg(target_family = "wasm")]
            impl $crate::bindings::Slot for Exported {
                type Plugin = $plugin;
                const DESCRIPTION: $crate::Description = DESCRIPTION;
                fn slot() -> &'static ::std::thread::LocalKey<::std::cell::RefCell<Option<$plugin>>> {
                    ::std::thread_local! {
                        static SLOT: ::std::cell::RefCell<Option<$plugin>> = const { ::std::cell::RefCell::new(None) };
                    }
                    &SLOT
                }
            }
            $(
                #[cfg(target_family = "wasm")]
                $crate::bindings::$part::export!(Exported with_types_in $crate::bindings::$part);
            )*
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __schema {
    ($plugin:ty, Snapshot) => {
        <$plugin as $crate::Policy>::CONFIG_SCHEMA
    };
    ($plugin:ty, $trait:ident) => {
        <$plugin as $crate::$trait>::CONFIG_SCHEMA
    };
}
