//! The build script: how the binary is linked.

// The ban is for ring 1; a build script is told things by its environment.
#[allow(clippy::disallowed_methods)]
fn main() {
    println!("cargo:rerun-if-changed=web/build.rs");
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    // The relocated data of a position-independent executable is private to every process: 1 MB in each init instead of
    // 0.1 MB. A static build makes its own choice, and the linker refuses both wishes at once.
    if !features.split(',').any(|feature| feature == "crt-static") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
