/** What the kernel and its users agree on: numbers of include/uapi/linux/kexec.h. */

/** KEXEC_* flags of kexec_load(2) (include/uapi/linux/kexec.h). */
export const KEXEC_ON_CRASH = 0x1n;
export const KEXEC_PRESERVE_CONTEXT = 0x2n;

/** Xen's: a kernel that knows nothing of Xen refuses it. */
export const KEXEC_LIVE_UPDATE = 0x4n;
export const KEXEC_CRASH_HOTPLUG_SUPPORT = 0x8n;
export const KEXEC_DEBUG = 0x10n;

/** Flags of kexec_file_load(2). */
export const KEXEC_FILE_UNLOAD = 0x1n;
export const KEXEC_FILE_ON_CRASH = 0x2n;
export const KEXEC_FILE_NO_INITRAMFS = 0x4n;
export const KEXEC_FILE_DEBUG = 0x8n;
export const KEXEC_FILE_NO_CMA = 0x10n;
export const KEXEC_FILE_FORCE_DTB = 0x20n;

/** More segments than this are refused by the kernel. */
export const KEXEC_MAX_SEGMENTS = 16;
