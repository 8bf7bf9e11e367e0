/** Errno values (Linux numbering) that only tests name. */

export const EBADF = 9;
export const ENOMEM = 12;
export const ELOOP = 40;
