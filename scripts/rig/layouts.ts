/**
 * Layouts of the virtual machines and their network.
 *
 * | layout  | machine | ports                                       | software                               |
 * |---------|---------|---------------------------------------------|----------------------------------------|
 * | `three` | `a`     | `ibx0`, LID 1                               | the subnet administrator, the kernel's ib0 |
 * |         | `b`     | `ibx0`, LID 2                               | the kernel's ib0                       |
 * |         | `c`     | `ibx0`, LID 3                               | this program                           |
 * | `one`   | `s`     | `ibx0`, LID 1, and `ibx1`, LID 2, on a veth pair | two ports of one machine          |
 *
 * The wire is an Ethernet hub in the first machine's QEMU, to which the other machines connect over Unix sockets,
 * because QEMU's TCP sockets delay small packets.
 */

/** Names of the machines, in the order in which they start. */
export const LAYOUTS = { one: ["s"], three: ["a", "b", "c"] } as const;

export type Layout = keyof typeof LAYOUTS;
export type GuestName<L extends Layout> = typeof LAYOUTS[L][number];

/**
 * Returns QEMU's options for the network device of machine `index` of `count`, and the socket that must exist before
 * this machine starts.
 */
export function networkOf(
  index: number,
  count: number,
): { options: string[]; needs?: string } {
  if (count === 1) return { options: ["-nic", "none"] };
  const mac = `52:54:00:00:00:0${index + 1}`;
  const device = [
    "-device",
    `virtio-net-pci,netdev=port,mac=${mac},romfile=`,
  ];
  if (index > 0) {
    return {
      options: [
        "-netdev",
        `stream,id=port,server=off,addr.type=unix,addr.path=${socket(index)}`,
        ...device,
      ],
      needs: socket(index),
    };
  }
  const others = Array.from({ length: count - 1 }, (_, i) => i + 1);
  return {
    options: [
      ...["-netdev", "hubport,id=port,hubid=0"],
      ...others.flatMap((other) => [
        "-netdev",
        `stream,id=socket${other},server=on,addr.type=unix,addr.path=${
          socket(other)
        }`,
        "-netdev",
        `hubport,id=hub${other},hubid=0,netdev=socket${other}`,
      ]),
      ...device,
    ],
  };
}

function socket(index: number): string {
  return `wire${index}.sock`;
}
