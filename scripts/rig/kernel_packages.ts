/**
 * Which Linux the rig's machines run.
 *
 * The rig takes the newest `linux-source-6.1`, and an image and headers of the same version. Debian publishes an image some time after
 * its source, because it is signed by hand; until then apt is made to prefer the newest version that is complete.
 */

const SOURCE = "linux-source-6.1";
const IMAGE = /^linux-image-(6\.1\.0-\d+-amd64)$/;

/** The versions that apt knows of a package, newest first. */
async function versions(name: string): Promise<string[]> {
  const table = await output(["apt-cache", "madison", name]);
  return table.split("\n").flatMap((line) => line.split(" | ")[1] ?? [])
    .map((version) => version.trim());
}

/** The newest version of which there is source, and an image and headers; undefined if there is none. */
async function completeVersion(): Promise<string | undefined> {
  const names = await output(["apt-cache", "pkgnames", "linux-image-6.1.0-"]);
  const complete = new Set<string>();
  for (const name of names.split("\n")) {
    const [, kernel] = IMAGE.exec(name.trim()) ?? [];
    if (kernel === undefined) continue;
    const headers = await versions(`linux-headers-${kernel}`);
    const images = await versions(`linux-image-${kernel}`);
    for (const version of images) {
      if (headers.includes(version)) complete.add(version);
    }
  }
  return (await versions(SOURCE)).find((version) => complete.has(version));
}

/** Environment in which apt prefers that version, by files in `folder`; undefined if there is none, or it is the newest one. */
export async function completeKernel(
  folder: string,
): Promise<Record<string, string> | undefined> {
  const version = await completeVersion();
  const [newest] = await versions(SOURCE);
  if (version === undefined || version === newest) return undefined;
  const preferences = `${folder}/preferences`;
  await Deno.writeTextFile(
    preferences,
    `Package: ${SOURCE}\nPin: version ${version}\nPin-Priority: 1001\n`,
  );
  const config = `${folder}/apt.conf`;
  await Deno.writeTextFile(
    config,
    `Dir::Etc::preferences "${preferences}";\n`,
  );
  return { APT_CONFIG: config };
}

async function output([program, ...args]: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program!, {
    args,
    stdin: "null",
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}
