/**
 * Routes: message types and attributes.
 *
 * Body: struct rtmsg (12 bytes): family u8, destination length u8, source length u8, tos u8, table u8,
 * protocol u8, scope u8, type u8, flags u32.
 */

export const RTM_NEWROUTE = 24;
export const RTM_GETROUTE = 26;

export const RTMSG_LENGTH = 12;
export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
