//! Versions of the contract between host and plugins.

/// Version of the contract in `wit/` that this release offers. It runs plugins of every earlier one of the same minor version, too.
pub const CONTRACT: &str = "0.1.0";

/// Major, minor and patch; none of a pre-release, which no two need to have alike.
pub(super) fn parts(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split('.').map(|part| part.parse::<u64>().ok());
    let parts = [parts.next()??, parts.next()??, parts.next()??];
    (parts.map(|part| part.to_string()).join(".") == version).then_some(parts)
}

/// Whether a version of the contract is one that this release does not know yet.
pub(super) fn is_newer(version: &str) -> bool {
    parts(version) > parts(CONTRACT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_contract_are_ordered_by_number() {
        assert!(is_newer("0.1.1") && is_newer("0.10.0") && is_newer("1.0.0"));
        assert!(!is_newer(CONTRACT) && !is_newer("0.0.9") && !is_newer("0.1") && !is_newer("0.1.0-rc.1") && !is_newer("0.01.5"));
    }
}
