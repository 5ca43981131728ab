/// Makes a crate a plugin: `export!(policy: MyPolicy)`, or `stateful policy:`, `metric:`, `pacing:`, `packer:`.
///
/// Name, version and summary of the plugin are the package's `name`, `version` and `description` in `Cargo.toml`, checked as it compiles.
/// Natively it expands to these checks and a test of the configuration's schema only, so that the same crate runs under `cargo test`.
#[macro_export]
macro_rules! export {
    (policy: $plugin:ty) => { $crate::__export!($plugin, Policy, Policy, policy); };
    (stateful policy: $plugin:ty) => { $crate::__export!($plugin, Snapshot, Policy, policy snapshot); };
    (metric: $plugin:ty) => { $crate::__export!($plugin, Metric, Metric, metric); };
    (pacing: $plugin:ty) => { $crate::__export!($plugin, Pacing, Pacing, pacing); };
    (packer: $plugin:ty) => { $crate::__export!($plugin, Packer, Packer, packer); };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ty, $trait:ident, $configured:ident, $($part:ident)*) => {
        const _: () = {
            #[allow(dead_code)]
            const DESCRIPTION: $crate::Description = $crate::Description {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                summary: env!("CARGO_PKG_DESCRIPTION"),
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
                fn schema() -> ::std::string::String {
                    $crate::schema::<<$plugin as $crate::$configured>::Config>()
                }
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

        // What a native program that runs the plugin knows it by.
        #[cfg(not(target_family = "wasm"))]
        #[doc(hidden)]
        #[allow(unreachable_pub)]
        pub type __CurriclePlugin = $plugin;

        #[cfg(all(test, not(target_family = "wasm")))]
        mod curricle_plugin {
            #[test]
            fn its_configuration_has_a_schema_that_the_contract_takes() {
                $crate::testing::check_schema::<<super::__CurriclePlugin as $crate::$configured>::Config>();
            }
        }
    };
}
