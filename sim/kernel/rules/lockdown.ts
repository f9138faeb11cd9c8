/**
 * What the kernel logs where lockdown keeps kexec from loading (lockdown_is_locked_down(),
 * security/lockdown/lockdown.c).
 */
export const LOCKED_DOWN = '<5>Lockdown: kexec: kexec of unsigned images is restricted; see man kernel_lockdown.7';
