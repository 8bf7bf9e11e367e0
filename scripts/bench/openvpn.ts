/** openvpn without encryption and authentication, so that it needs no keys. */

import type { TunnelProgram } from "./tunnel.ts";
import { MTU } from "./subject.ts";

export const openvpn: TunnelProgram = {
  program: "openvpn",
  net: 4,
  devices: ["tun0", "tun0"],
  arguments: ({ device, local, remote }) => [
    ...["--dev", device, "--dev-type", "tun", "--tun-mtu", String(MTU)],
    ...["--proto", "udp", "--local", local, "--remote", remote],
    ...["--cipher", "none", "--auth", "none", "--mssfix", "0"],
  ],
};
