/** Containers of podman on a partition, attached by the CNI plugin. */

import { assertEquals } from "@std/assert";
import { fullForm } from "../../scripts/test/form.ts";
import {
  type Host,
  type Lab,
  labTest,
  must,
  run,
  writeProgram,
} from "./harness/mod.ts";

const PLUGINS = "/usr/lib/cni";
const IMAGE = "ipoib-test";
/** The limits of the containers are those that an unprivileged machine can set. */
const LIMITS = ["nofile=1024:1024", "nproc=1000:1000"].flatMap((limit) => [
  "--ulimit",
  limit,
]);

/** The engine on a host, with its own storage and networks. */
class Podman {
  readonly #host: Host;
  readonly #env: Record<string, string>;
  readonly #words: string[];

  private constructor(host: Host, directory: string) {
    this.#host = host;
    this.#env = { ...host.lab.env, CONTAINERS_CONF: `${directory}/conf` };
    this.#words = [
      ...["podman", "--root", `${directory}/root`],
      ...["--runroot", `${directory}/run`, "--tmpdir", `${directory}/tmp`],
      ...["--storage-driver", "vfs", "--runtime", "runc"],
    ];
  }

  static async open(host: Host): Promise<Podman> {
    const directory = `${host.lab.runtime}/podman`;
    await Deno.mkdir(`${directory}/plugins`, { recursive: true });
    await Deno.mkdir(`${directory}/networks`);
    const write = (name: string, text: string) =>
      Deno.writeTextFile(`${directory}/${name}`, text);
    await write(
      "conf",
      `[network]
network_backend = "cni"
cni_plugin_dirs = ["${directory}/plugins", "${PLUGINS}"]
network_config_dir = "${directory}/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`,
    );
    await writeProgram(`${directory}/plugins/ipoib`);
    const plugin = {
      type: "ipoib",
      pkey: "0x8001",
      ipam: {
        type: "host-local",
        dataDir: `${directory}/ipam`,
        ranges: [[{ subnet: "10.67.0.0/24" }]],
      },
    };
    const network = { cniVersion: "1.0.0", name: "storage", plugins: [plugin] };
    await write("networks/storage.conflist", JSON.stringify(network));
    const podman = new Podman(host, directory);
    await podman.#import(directory);
    return podman;
  }

  async #import(directory: string): Promise<void> {
    await Deno.mkdir(`${directory}/image/bin`, { recursive: true });
    await Deno.copyFile("/bin/busybox", `${directory}/image/bin/busybox`);
    const image = `${directory}/image.tar`;
    await must(["tar", "-C", `${directory}/image`, "-cf", image, "."]);
    await this.must("import", image, IMAGE);
  }

  /** Runs podman in the network namespace of the host, and in the mount namespace that the interface's process has. */
  run(...words: string[]) {
    const namespace = `--net=/run/netns/${this.#host.namespace}`;
    return run(["nsenter", namespace, ...this.#words, ...words], {
      env: this.#env,
    });
  }

  async must(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...words);
    assertEquals(code, 0, `podman ${words.join(" ")}: ${stderr}`);
    return stdout;
  }

  /** Starts a container and returns its address. */
  async start(name: string): Promise<string> {
    await this.must(
      ...["run", "--detach", "--name", name, "--network", "storage"],
      ...[...LIMITS, IMAGE, "/bin/busybox", "sleep", "600"],
    );
    return (await this.must(
      ...[
        "inspect",
        "--format",
        "{{.NetworkSettings.Networks.storage.IPAddress}}",
      ],
      name,
    )).trim();
  }

  async end(): Promise<void> {
    await this.run("rm", "--all", "--force", "--time", "0");
  }
}

async function withPodman(
  lab: Lab,
  body: (host: Host, podman: Podman) => Promise<void>,
): Promise<void> {
  const [host] = await lab.running(1);
  const podman = await Podman.open(host);
  try {
    await body(host, podman);
  } finally {
    await podman.end();
  }
}

const { name, ignore } = fullForm(
  "Containers of podman reach each other on a partition, and leave nothing when they are removed",
);

labTest(name, (lab) =>
  withPodman(lab, async (host, podman) => {
    await podman.start("first");
    const address = await podman.start("second");
    await podman.must(
      ...["exec", "first", "/bin/busybox", "ping", "-c", "2", address],
    );
    assertEquals((await host.show<unknown[]>("child", "list")).length, 2);
    await podman.must("rm", "--force", "--time", "0", "first", "second");
    assertEquals(await host.show("child", "list"), []);
  }), { ignore });
