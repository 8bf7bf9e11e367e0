/** A clean Debian system in a folder, without a kernel, and commands in it. */

import { Cache } from "../../scripts/rig/cache.ts";
import { must, run } from "../e2e/harness/command.ts";
import { packageOf, TemporaryFolder } from "./support.ts";

/** Time for mmdebstrap to download and unpack the system. */
const DOWNLOAD_LIMIT_MS = 600_000;
const RELEASE = "bookworm";
/** What the tests use in the system; the package itself depends on none of it. */
const INCLUDED = "iproute2,iputils-ping,systemd";
/** Name in the cache; another list of packages has another name. */
const CACHED = `clean-root-${RELEASE}-1`;
/** Capabilities of the service manager of a host that systemd-nspawn does not give. */
const CAPABILITIES = "CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON,CAP_IPC_LOCK";
/** Options for a network of its own, in which TAPs can be created. */
const NETWORK = ["--private-network", "--bind=/dev/net/tun"];

/** A system with the package file in /srv/ipoib.deb. */
export class CleanRoot implements AsyncDisposable {
  readonly #folder: TemporaryFolder;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  /** Unpacks a system, which mmdebstrap made before or makes now, and builds the package for it. */
  static async open(): Promise<CleanRoot> {
    const archive = await Cache.use(async (cache) =>
      await cache.find(CACHED) ??
        await cache.make(CACHED, async (folder) => {
          await must([
            ...["mmdebstrap", "--variant=minbase", `--include=${INCLUDED}`],
            ...[RELEASE, `${folder}/root.tar`],
          ], { limitMs: DOWNLOAD_LIMIT_MS });
        })
    );
    const root = new CleanRoot(new TemporaryFolder());
    await Deno.mkdir(root.path);
    await must(["tar", "-C", root.path, "-xf", `${archive}/root.tar`]);
    const binary = await executable(root.#folder.path);
    const built = await packageOf(binary, root.#folder.path);
    await Deno.rename(built, `${root.path}/srv/ipoib.deb`);
    return root;
  }

  /** Path of the system's root. */
  get path(): string {
    return `${this.#folder.path}/root`;
  }

  /** Runs a shell script in a container of the system. Returns its exit code and output. */
  async shell(script: string) {
    return await this.#nspawn(
      ...["--as-pid2", "--console=pipe"],
      ...["sh", "-ec", script],
    );
  }

  /**
   * Boots the system, runs a shell script when the boot is complete, and shuts the system down. Returns the output of
   * the script.
   */
  async boot(script: string): Promise<string> {
    const units = `${this.path}/etc/systemd/system`;
    await Deno.writeTextFile(`${this.path}/srv/script`, script);
    await Deno.writeTextFile(
      `${units}/test.service`,
      `[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=idle
ExecStart=/bin/sh /srv/script
StandardOutput=file:/srv/output
StandardError=inherit
`,
    );
    await Deno.mkdir(`${units}/multi-user.target.wants`, { recursive: true });
    await must([
      ...["ln", "-sf", "/etc/systemd/system/test.service"],
      `${units}/multi-user.target.wants/test.service`,
    ]);
    const { stdout, stderr } = await this.#nspawn("--boot", "--console=pipe");
    try {
      return await Deno.readTextFile(`${this.path}/srv/output`);
    } catch (cause) {
      throw new Error(`The system did not boot: ${stdout}${stderr}`, { cause });
    }
  }

  /** Runs systemd-nspawn without a service manager on this host, and hides what it leaves in /run. */
  async #nspawn(...words: string[]) {
    return await run([
      ...["unshare", "--mount", "sh", "-c"],
      ...['mount -t tmpfs none /run && exec "$@"', "sh"],
      ...["systemd-nspawn", "--quiet", "--register=no", "--keep-unit"],
      ...[`--directory=${this.path}`, `--capability=${CAPABILITIES}`],
      ...["--system-call-filter=bpf perf_event_open", ...NETWORK],
      ...words,
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** Returns the path of the executable: that in `IPOIB_BINARY`, or a new one in `folder`. */
async function executable(folder: string): Promise<string> {
  const given = Deno.env.get("IPOIB_BINARY");
  if (given) return given;
  const path = `${folder}/ipoib`;
  await must([Deno.execPath(), "task", "compile", "--output", path]);
  return path;
}
