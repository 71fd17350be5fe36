/** Helpers about sockets. The network namespace of a test run has none, but for the one behind the packet. */
import { Errno } from '../../bpf/errno.ts';
import { SOCK } from '../context/record.ts';
import type { HelperCall, HelperFunction } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';
import { numberOf, readArgument } from './packet.ts';

const IPPROTO_TCP = 6;
/** Cookies count from 1, and are given when first asked for. */
const FIRST_COOKIE = 1;

export function socketHelpers(context: HelperContext): HelperGroup {
  const nothing: HelperFunction = () => 0;
  return [
    [numberOf('bpf_sk_lookup_tcp'), nothing],
    [numberOf('bpf_sk_lookup_udp'), nothing],
    [numberOf('bpf_skc_lookup_tcp'), nothing],
    [numberOf('bpf_sk_release'), nothing],
    [numberOf('bpf_sk_fullsock'), (call) => call.arg(1)],
    [numberOf('bpf_tcp_sock'), (call) => tcpSocket(context, call)],
    // The socket of a test run does not listen.
    [numberOf('bpf_get_listener_sock'), nothing],
    [numberOf('bpf_skc_to_tcp_sock'), nothing],
    [numberOf('bpf_skc_to_tcp6_sock'), nothing],
    [numberOf('bpf_skc_to_tcp_timewait_sock'), nothing],
    [numberOf('bpf_skc_to_tcp_request_sock'), nothing],
    [numberOf('bpf_skc_to_udp6_sock'), nothing],
    [numberOf('bpf_skc_to_unix_sock'), nothing],
    [numberOf('bpf_skc_to_mptcp_sock'), nothing],
    [numberOf('bpf_get_socket_cookie'), () => FIRST_COOKIE],
    [numberOf('bpf_sk_assign'), (call) => (call.arg(2) === 0n ? -Errno.EINVAL : -Errno.EOPNOTSUPP)],
    [numberOf('bpf_fib_lookup'), fibLookup],
  ];
}

/** `struct bpf_tcp_sock *bpf_tcp_sock(sk)`: 0 for a socket of another protocol */
function tcpSocket(context: HelperContext, call: HelperCall): bigint {
  const address = call.arg(1);
  const protocol = address === 0n ? null : context.ram.read(address + BigInt(SOCK.protocol), 4);
  return protocol?.[0] === IPPROTO_TCP ? address : 0n;
}

const AF_INET = 2;
const AF_INET6 = 10;
/** `struct bpf_fib_lookup` and BPF_FIB_LOOKUP_* bits */
const FIB_SIZE = 64;
const FIB_FLAGS = 0x3fn;
const EAFNOSUPPORT = 97;

/** BPF_FIB_LKUP_RET_FWD_DISABLED: the loopback device forwards nothing. */
const FORWARDS_NOTHING = 5;
const LOOPBACK = 1;
/** Offset of `ifindex`. */
const FIB_IFINDEX = 8;

/** `long bpf_fib_lookup(ctx, params, int plen, u32 flags)`: -EINVAL, -EAFNOSUPPORT, -ENODEV, 5 */
function fibLookup(call: HelperCall): number {
  if ((call.arg32(3) | 0) < FIB_SIZE || (call.arg(4) & ~FIB_FLAGS) !== 0n) return -Errno.EINVAL;
  const params = readArgument(call, call.arg(2), FIB_SIZE);
  const family = params[0];
  if (family !== AF_INET && family !== AF_INET6) return -EAFNOSUPPORT;
  return params[FIB_IFINDEX] === LOOPBACK ? FORWARDS_NOTHING : -Errno.ENODEV;
}
