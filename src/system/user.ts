/** The user of the process (credentials(7)). */

import { cString, libc } from "../../ffi/libc.ts";
import { IpoibError } from "../base/errors.ts";
import { Errno } from "../base/errno.ts";
import { unwrap } from "./errno.ts";

const UID_AT = 16;
const GID_AT = 20;

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The user of that name (getpwnam(3)); throws `E_USER`. */
export function findUser(name: string): User {
  const entry = libc().getpwnam(cString(name));
  if (entry === null) {
    throw new IpoibError("E_USER", `User "${name}" does not exist`, {
      errno: Errno.ENOENT,
      hint: "`getent passwd` lists the users of this host",
    });
  }
  const view = new Deno.UnsafePointerView(entry);
  return { name, uid: view.getUint32(UID_AT), gid: view.getUint32(GID_AT) };
}

/** True if this process is that user's already. */
export function isUser({ uid }: User): boolean {
  return libc().geteuid() === uid;
}

/** Makes every thread of this process the user's, with the user's groups; throws `E_USER` (EPERM). */
export function becomeUser({ name, uid, gid }: User): void {
  const must = (result: number) =>
    unwrap(result, "E_USER", `become user "${name}"`);
  must(libc().initgroups(cString(name), gid));
  must(libc().setresgid(gid, gid, gid));
  must(libc().setresuid(uid, uid, uid));
}
