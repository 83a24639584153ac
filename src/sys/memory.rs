//! Sealed memory files and shared mappings of them.

use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::fcntl::SealFlag;
use nix::fcntl::fcntl;
use nix::sys::memfd::MFdFlags;
use nix::sys::memfd::memfd_create;
use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
use nix::sys::mman::mmap;
use nix::sys::mman::munmap;
use std::ffi::CStr;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;

/// A shared mapping, unmapped when dropped. Every access is bounds-checked; the bytes may change at any time under the
/// reader's eyes, so they are only ever copied out or read through atomics.
#[derive(Debug)]
pub struct Mapping {
    address: NonNull<c_void>,
    len: usize,
    writable: bool,
}

// SAFETY: a mapping is memory, not thread state; all access goes through atomics or raw copies.
unsafe impl Send for Mapping {}
// SAFETY: as above: `&Mapping` gives out atomics and copies only.
unsafe impl Sync for Mapping {}

impl Mapping {
    pub fn new(fd: impl AsFd, len: usize, writable: bool) -> nix::Result<Self> {
        let pages = NonZeroUsize::new(len).ok_or(Errno::EINVAL)?;
        let protection = if writable { ProtFlags::PROT_READ | ProtFlags::PROT_WRITE } else { ProtFlags::PROT_READ };
        // SAFETY: no address is asked for, so nothing that exists is replaced; the result is owned by this value alone.
        let address = unsafe { mmap(None, pages, protection, MapFlags::MAP_SHARED, fd, 0)? };
        Ok(Self { address, len, writable })
    }

    /// # Panics
    /// When the field does not lie inside the mapping or is not aligned: offsets are constants of the callers.
    pub fn atomic_u64(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len, "field outside its mapping");
        // SAFETY: inside the mapping and aligned (asserted; pages are page-aligned); other processes change it only as
        // an atomic of the same width, or are hostile, in which case any value may be read but nothing else happens.
        unsafe { AtomicU64::from_ptr(self.address.as_ptr().cast::<u8>().add(offset).cast()) }
    }

    /// # Panics
    /// As [`Mapping::atomic_u64`].
    pub fn atomic_u32(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.len, "field outside its mapping");
        // SAFETY: as in `atomic_u64`.
        unsafe { AtomicU32::from_ptr(self.address.as_ptr().cast::<u8>().add(offset).cast()) }
    }

    /// Copies `len` bytes at `offset` to the end of `out`.
    pub fn copy_out(&self, offset: usize, len: usize, out: &mut Vec<u8>) {
        assert!(offset.checked_add(len).is_some_and(|end| end <= self.len), "copy outside its mapping");
        out.reserve(len);
        // SAFETY: the source lies in the mapping (asserted), the target was reserved; they cannot overlap, for `out`
        // is heap memory. Bytes that a writer changes meanwhile are detected by the caller (tail re-check).
        unsafe {
            let source = self.address.as_ptr().cast::<u8>().add(offset);
            std::ptr::copy_nonoverlapping(source, out.as_mut_ptr().add(out.len()), len);
            out.set_len(out.len() + len);
        }
    }

    /// `read(2)` straight into the mapping.
    pub fn read_from(&self, fd: impl AsFd, offset: usize, len: usize) -> nix::Result<usize> {
        use std::os::fd::AsRawFd;
        assert!(
            self.writable && offset.checked_add(len).is_some_and(|end| end <= self.len),
            "read outside its mapping"
        );
        // SAFETY: the kernel writes at most `len` bytes inside the mapping (asserted); no Rust reference to them exists.
        let read =
            unsafe { libc::read(fd.as_fd().as_raw_fd(), self.address.as_ptr().cast::<u8>().add(offset).cast(), len) };
        Errno::result(read).map(|n| usize::try_from(n).expect("read returns no other negative number than -1"))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping and no borrow of it outlives it.
        if let Err(errno) = unsafe { munmap(self.address, self.len) } {
            debug_assert!(false, "munmap of an own mapping failed: {errno}");
        }
    }
}

/// A new memory file of `len` bytes that can still be sealed.
pub fn memory_file(name: &CStr, len: u64) -> nix::Result<OwnedFd> {
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    let len = i64::try_from(len).map_err(|_| Errno::EFBIG)?;
    nix::unistd::ftruncate(&fd, len)?;
    Ok(fd)
}

/// A copy in memory of the program that this process runs, which nothing can change any more. A box's init runs from it:
/// who gets hold of that file, or runs `/proc/self/exe` as a program of the box, has nothing of the host's in hand
/// (CVE-2019-5736).
pub fn sealed_program() -> io::Result<OwnedFd> {
    const MFD_EXEC: libc::c_uint = 0x10; // linux/memfd.h; since 6.3, where a machine may have other files not executable
    let sealable = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let copy = match memfd_create(c"coop", sealable | MFdFlags::from_bits_retain(MFD_EXEC)) {
        Err(Errno::EINVAL) => memfd_create(c"coop", sealable),
        made => made,
    }?;
    let mut copy = File::from(copy);
    io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
    // Nor can it lose the right to be executed; before 6.3 there is no such seal.
    const F_SEAL_EXEC: libc::c_int = 0x20; // linux/fcntl.h
    seal(&copy, SealFlag::from_bits_retain(F_SEAL_EXEC)).ok();
    seal(&copy, SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL)?;
    // A file that is open for writing cannot be executed.
    File::open(format!("/proc/self/fd/{}", copy.as_raw_fd())).map(OwnedFd::from)
}

/// Whether a [`sealed_program`] still has the mode that it was made with: a box that runs it is its owner, too, and may
/// forbid to read it.
pub fn is_whole(program: impl AsFd) -> bool {
    nix::sys::stat::fstat(program).is_ok_and(|stat| stat.st_mode & 0o777 == 0o777)
}

pub fn seal(fd: impl AsFd, seals: SealFlag) -> nix::Result<()> {
    fcntl(fd, FcntlArg::F_ADD_SEALS(seals)).map(drop)
}

/// Whether the file has all of `wanted`: only then can it not shrink under a mapping (SIGBUS).
pub fn has_seals(fd: impl AsFd, wanted: SealFlag) -> bool {
    fcntl(fd, FcntlArg::F_GET_SEALS).is_ok_and(|bits| SealFlag::from_bits_truncate(bits).contains(wanted))
}

pub fn file_len(fd: impl AsFd) -> nix::Result<u64> {
    nix::sys::stat::fstat(fd).map(|stat| u64::try_from(stat.st_size).unwrap_or(0))
}

/// A message too large for a datagram, or too secret for a file: a memory file that
/// holds just these bytes, for ever.
pub fn parcel(bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memory_file(c"coop", 0)?);
    file.write_all(bytes)?;
    file.rewind()?;
    seal(&file, SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL)?;
    Ok(file.into())
}

/// Reads a [`parcel`] of at most `most` bytes.
pub fn open_parcel(fd: OwnedFd, most: u64) -> io::Result<Vec<u8>> {
    let mut file = File::from(fd);
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Gives freed heap back to the system: a process that has done its large work and will now live for days.
pub fn give_back_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim only releases free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
