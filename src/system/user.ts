/** Users, and changing the user of the process (credentials(7)). */

import { cString, libc } from "../../ffi/libc.ts";
import { IpoibError } from "../base/errors.ts";
import { Errno } from "../base/errno.ts";
import { unwrap } from "./errno.ts";

/** Offsets in struct passwd (64-bit Linux). */
const UID = 16;
const GID = 20;

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Looks up a user by name (getpwnam(3)). Throws `E_USER` if there is none. */
export function findUser(name: string): User {
  const entry = libc().getpwnam(cString(name));
  if (entry === null) {
    throw new IpoibError("E_USER", `User "${name}" does not exist`, {
      errno: Errno.ENOENT,
      hint: "`getent passwd` lists the users of this host",
    });
  }
  const view = new Deno.UnsafePointerView(entry);
  return { name, uid: view.getUint32(UID), gid: view.getUint32(GID) };
}

/** Returns true if the effective user of this process is `user`. */
export function isUser(user: User): boolean {
  return libc().geteuid() === user.uid;
}

/** Changes user, group and supplementary groups of all threads. Throws `E_USER`, with EPERM without privilege. */
export function becomeUser({ name, uid, gid }: User): void {
  const must = (result: number) =>
    unwrap(result, "E_USER", `become user "${name}"`);
  must(libc().initgroups(cString(name), gid));
  must(libc().setresgid(gid, gid, gid));
  must(libc().setresuid(uid, uid, uid));
}
