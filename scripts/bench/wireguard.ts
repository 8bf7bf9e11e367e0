/** wireguard-go, with keys of its own for each run, told over its control socket. */

import type { TunnelEnd, TunnelProgram } from "./tunnel.ts";

const PORT = 51820;

export const wireguard: TunnelProgram = {
  program: "wireguard-go",
  net: 5,
  // The control socket has the interface's name, whatever the namespace.
  devices: [`wgb${Deno.pid}a`, `wgb${Deno.pid}b`],
  arguments: ({ device }) => ["--foreground", device],
  connect: async ([near, far]) => {
    const keys = [await keyPair(), await keyPair()] as const;
    await configure(near, keys[0].secret, keys[1].open);
    await configure(far, keys[1].secret, keys[0].open);
  },
};

interface KeyPair {
  /** Hexadecimal digits of each key. */
  readonly secret: string;
  readonly open: string;
}

async function keyPair(): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey("X25519", true, [
    "deriveBits",
  ]) as CryptoKeyPair;
  const { d, x } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  return { secret: hexOf(d!), open: hexOf(x!) };
}

function hexOf(base64url: string): string {
  return Uint8Array.fromBase64(base64url, { alphabet: "base64url" }).toHex();
}

async function configure(
  { device, remote, peer }: TunnelEnd,
  secret: string,
  open: string,
): Promise<void> {
  using socket = await Deno.connect({
    transport: "unix",
    path: `/var/run/wireguard/${device}.sock`,
  });
  const lines = [
    "set=1",
    `private_key=${secret}`,
    `listen_port=${PORT}`,
    `public_key=${open}`,
    `endpoint=${remote}:${PORT}`,
    `allowed_ip=${peer}/32`,
  ];
  await socket.write(new TextEncoder().encode(`${lines.join("\n")}\n\n`));
  const answer = new Uint8Array(256);
  const length = await socket.read(answer);
  const text = new TextDecoder().decode(answer.subarray(0, length ?? 0));
  if (!text.startsWith("errno=0")) {
    throw new Error(`wireguard-go refuses its configuration: ${text.trim()}`);
  }
}
