/** The lock file of a real port: see shared_port.ts. */

/** Its path; makes its folder if need be, closed to others. */
export function portLocksPath(
  runtime: string,
  device: string,
  port: number,
): string {
  const folder = `${runtime}/ports`;
  Deno.mkdirSync(runtime, { recursive: true });
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  return `${folder}/${device}-${port}.locks`;
}
