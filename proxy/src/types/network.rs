//! inet, cidr, macaddr, macaddr8: TEXT in PostgreSQL's canonical form. inet and cidr have a collation of their own; the hex of MAC
//! addresses sorts as their bytes do.

use std::{
    cmp::Ordering,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{Codec, Type, Value, ValueRef, integer::bad_binary, text::text};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of inet and cidr.
pub(super) struct Network {
    /// `cidr`: no bits right of the mask, and the mask is always shown.
    pub(super) cidr: bool,
}

/// An address with its mask's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The address.
    pub(crate) ip: IpAddr,
    /// Bits of network.
    pub(crate) bits: u8,
}

impl Address {
    /// 32 or 128.
    pub(crate) fn width(&self) -> u8 {
        if self.ip.is_ipv4() { 32 } else { 128 }
    }

    /// The address as a number, left-aligned in 128 bits.
    fn aligned(&self) -> u128 {
        match self.ip {
            IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
            IpAddr::V6(ip) => ip.to_bits(),
        }
    }

    fn with_aligned(&self, aligned: u128, bits: u8) -> Address {
        let ip = match self.ip {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits((aligned >> 96) as u32)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(aligned)),
        };
        Address { ip, bits }
    }

    fn mask(bits: u8) -> u128 {
        if bits == 0 { 0 } else { u128::MAX << (128 - u32::from(bits)) }
    }

    /// The network: host bits zero.
    pub(crate) fn network(&self) -> Address {
        self.with_aligned(self.aligned() & Self::mask(self.bits), self.bits)
    }

    /// The last address of the network.
    pub(crate) fn broadcast(&self) -> Address {
        let within = if self.ip.is_ipv4() { Self::mask(32) } else { u128::MAX };
        self.with_aligned(self.aligned() | (!Self::mask(self.bits) & within), self.bits)
    }

    /// The mask, or where `host` the rest, as an address.
    pub(crate) fn mask_address(&self, host: bool) -> Address {
        let within = if self.ip.is_ipv4() { Self::mask(32) } else { u128::MAX };
        let mask = Self::mask(self.bits);
        self.with_aligned(if host { !mask & within } else { mask }, self.width())
    }

    /// Whether the other's network lies in this one's.
    pub(crate) fn contains(&self, other: &Address) -> bool {
        self.ip.is_ipv4() == other.ip.is_ipv4()
            && self.bits <= other.bits
            && (self.aligned() ^ other.aligned()) & Self::mask(self.bits) == 0
    }

    /// Reads an address with an optional mask; cidr also takes a shortened IPv4 (`10.1/16`).
    pub(crate) fn parse(source: &str, cidr: bool) -> Option<Address> {
        let (address, bits) = match source.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok().filter(|_| !bits.starts_with('+'))?)),
            None => (source.trim(), None),
        };
        let mut shortened = None;
        let ip: IpAddr = match address.parse() {
            Ok(ip) => ip,
            Err(_) if cidr || bits.is_some() => {
                let mut octets = [0u8; 4];
                let parts: Vec<&str> = address.split('.').collect();
                if parts.len() > 4 {
                    return None;
                }
                for (slot, part) in octets.iter_mut().zip(&parts) {
                    *slot = part.parse().ok()?;
                }
                shortened = Some(parts.len() as u8 * 8);
                IpAddr::V4(octets.into())
            }
            Err(_) => return None,
        };
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.or(shortened).unwrap_or(width);
        (bits <= width).then_some(Address { ip, bits })
    }

    /// Writes it; the mask is left out where it is full, unless `always`.
    pub(crate) fn write(&self, always: bool) -> String {
        let ip = self.host();
        if always || self.bits != self.width() { format!("{ip}/{}", self.bits) } else { ip }
    }

    /// The address alone.
    pub(crate) fn host(&self) -> String {
        match self.ip {
            // `inet_net_ntop`: an address that ends in one of IPv4 shows it, also without the mark of a mapped one.
            IpAddr::V6(ip) if ip.segments()[..6] == [0; 6] && ip.segments()[6] != 0 => {
                let [high, low] = [ip.segments()[6].to_be_bytes(), ip.segments()[7].to_be_bytes()];
                format!("::{}.{}.{}.{}", high[0], high[1], low[0], low[1])
            }
            ip => ip.to_string(),
        }
    }

    /// `network_cmp`: family, then common network bits, then mask length, then the whole address.
    pub(crate) fn compare(&self, other: &Address) -> Ordering {
        let common = Self::mask(self.bits.min(other.bits));
        (self.ip.is_ipv6().cmp(&other.ip.is_ipv6()))
            .then_with(|| (self.aligned() & common).cmp(&(other.aligned() & common)))
            .then_with(|| self.bits.cmp(&other.bits))
            .then_with(|| self.aligned().cmp(&other.aligned()))
    }
}

impl Network {
    fn checked(&self, address: Address, source: &str) -> Result<Value> {
        if self.cidr && address.network() != address {
            let error = SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid cidr value: \"{source}\""));
            return Err(error.detail("Value has bits set to right of mask."));
        }
        Ok(Value::Text(address.write(self.cidr)))
    }
}

impl Codec for Network {
    fn input(&self, source: &str, ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        let address = Address::parse(source, self.cidr).ok_or_else(|| SqlError::invalid_text(&ty.name, source))?;
        self.checked(address, source)
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }

    /// `network_recv`: family (2 or 3), bits, is_cidr, length, address.
    fn receive(&self, bytes: &[u8], _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        let address = match bytes {
            [2, bits @ 0..=32, _, 4, rest @ ..] => rest.try_into().ok().map(|b: [u8; 4]| Address { ip: b.into(), bits: *bits }),
            [3, bits @ 0..=128, _, 16, rest @ ..] => rest.try_into().ok().map(|b: [u8; 16]| Address { ip: b.into(), bits: *bits }),
            _ => None,
        };
        let address = address.ok_or_else(bad_binary)?;
        self.checked(address, &address.write(true))
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let address = Address::parse(text(value)?, self.cidr).ok_or_else(bad_binary)?;
        let family = if address.ip.is_ipv4() { 2 } else { 3 };
        out.extend_from_slice(&[family, address.bits, u8::from(self.cidr), address.width() / 8]);
        match address.ip {
            IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
        }
        Ok(())
    }

    fn compare(&self, left: &str, right: &str, _ty: &Type, _cx: &Context) -> Ordering {
        match (Address::parse(left, true), Address::parse(right, true)) {
            (Some(l), Some(r)) => l.compare(&r),
            _ => left.cmp(right),
        }
    }
}

/// The codec of MAC addresses of 6 or 8 bytes.
pub(super) struct Mac(pub(super) usize);

/// Hex digits in pairs; groups are parted as `macaddr_in` and `macaddr8_in` know them.
fn parse_mac(source: &str, width: usize) -> Option<Vec<u8>> {
    let text = source.trim();
    let separator = text.chars().find(|c| matches!(c, ':' | '-' | '.'));
    let groups: Vec<&str> = separator.map_or_else(|| vec![text], |separator| text.split(separator).collect());
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let is_known = match (width, separator, lengths.as_slice()) {
        (6, Some(':' | '-'), [1 | 2, 1 | 2, 1 | 2, 1 | 2, 1 | 2, 1 | 2]) => true,
        (6, Some(':' | '-'), [6, 6]) | (6, Some('.' | '-'), [4, 4, 4]) | (6, None, [12]) => true,
        // The longer one takes a separator after any byte.
        (8, _, lengths) => lengths.iter().all(|length| *length > 0 && length % 2 == 0),
        _ => false,
    };
    if !is_known {
        return None;
    }
    let mut out = Vec::with_capacity(8);
    for group in groups {
        // One digit alone is a byte too.
        let padded = if group.len() % 2 == 1 { format!("0{group}") } else { group.to_owned() };
        for pair in padded.as_bytes().chunks(2) {
            let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
            out.push(digit(pair[0])? << 4 | digit(pair[1])?);
        }
    }
    if width == 8 && out.len() == 6 {
        out.splice(3..3, [0xff, 0xfe]);
    }
    (out.len() == width).then_some(out)
}

fn write_mac(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")
}

impl Codec for Mac {
    fn input(&self, source: &str, ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        parse_mac(source, self.0).map(|m| Value::Text(write_mac(&m))).ok_or_else(|| SqlError::invalid_text(&ty.name, source))
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        if bytes.len() == self.0 { Ok(Value::Text(write_mac(bytes))) } else { Err(bad_binary()) }
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&parse_mac(text(value)?, self.0).ok_or_else(bad_binary)?);
        Ok(())
    }
}
