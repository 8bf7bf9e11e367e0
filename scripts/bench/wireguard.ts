/** wireguard-go with new keys for each run, configured over its control socket. */

import type { TunnelEnd, TunnelProgram } from "./tunnel.ts";

const PORT = 51820;

export const wireguard: TunnelProgram = {
  program: "wireguard-go",
  net: 5,
  // The path of the control socket has only the interface's name, so names must differ between namespaces.
  devices: [`wgb${Deno.pid}a`, `wgb${Deno.pid}b`],
  arguments: ({ device }) => ["--foreground", device],
  connect: async ([near, far]) => {
    const keys = [await keyPair(), await keyPair()] as const;
    await configure(near, keys[0].secret, keys[1].public);
    await configure(far, keys[1].secret, keys[0].public);
  },
};

interface KeyPair {
  /** Keys as hexadecimal digits. */
  readonly secret: string;
  readonly public: string;
}

async function keyPair(): Promise<KeyPair> {
  const pair = await crypto.subtle.generateKey("X25519", true, [
    "deriveBits",
  ]) as CryptoKeyPair;
  const { d, x } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  return { secret: hexOf(d!), public: hexOf(x!) };
}

function hexOf(base64url: string): string {
  return Uint8Array.fromBase64(base64url, { alphabet: "base64url" }).toHex();
}

async function configure(
  { device, remote, peer }: TunnelEnd,
  secret: string,
  publicKey: string,
): Promise<void> {
  using socket = await Deno.connect({
    transport: "unix",
    path: `/var/run/wireguard/${device}.sock`,
  });
  const lines = [
    "set=1",
    `private_key=${secret}`,
    `listen_port=${PORT}`,
    `public_key=${publicKey}`,
    `endpoint=${remote}:${PORT}`,
    `allowed_ip=${peer}/32`,
  ];
  await socket.write(new TextEncoder().encode(`${lines.join("\n")}\n\n`));
  const answer = new Uint8Array(256);
  const length = await socket.read(answer);
  const text = new TextDecoder().decode(answer.subarray(0, length ?? 0));
  if (!text.startsWith("errno=0")) {
    throw new Error(`wireguard-go refused its configuration: ${text.trim()}`);
  }
}
