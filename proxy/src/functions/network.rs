//! inet, cidr and macaddr: parts, masks, containment, arithmetic, as in `network.c` and `mac.c`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Body::Scalar,
    Call, Row, Value,
    arguments::{bool_value, int_value, text_value},
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::network::Address,
};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("abbrev(inet)", Scalar(|c| text_value(address(c, 0)?.write(false)))),
    row("abbrev(cidr)", Scalar(abbreviated_cidr)),
    row("set_masklen(inet,integer)", Scalar(|c| masked(c, false))),
    row("set_masklen(cidr,integer)", Scalar(|c| masked(c, true))),
    row("network(inet)", Scalar(|c| text_value(address(c, 0)?.network().write(true)))),
    row("netmask(inet)", Scalar(|c| text_value(address(c, 0)?.mask_address(false).write(false)))),
    row("hostmask(inet)", Scalar(|c| text_value(address(c, 0)?.mask_address(true).write(false)))),
    row("masklen(inet)", Scalar(|c| int_value(i64::from(address(c, 0)?.bits)))),
    row("broadcast(inet)", Scalar(|c| text_value(address(c, 0)?.broadcast().write(false)))),
    row("host(inet)", Scalar(|c| text_value(address(c, 0)?.host()))),
    row("family(inet)", Scalar(|c| int_value(if address(c, 0)?.ip.is_ipv4() { 4 } else { 6 }))),
    row("text(inet)", Scalar(|c| text_value(address(c, 0)?.write(true)))),
    row("cidr(inet)", Scalar(|c| text_value(address(c, 0)?.network().write(true)))),
    row("inet_merge(inet,inet)", Scalar(merge)),
    row("inet_same_family(inet,inet)", Scalar(|c| bool_value(same_family(&address(c, 0)?, &address(c, 1)?)))),
    row("network_sub(inet,inet)", Scalar(|c| within(c, 1, 0, true))),
    row("network_subeq(inet,inet)", Scalar(|c| within(c, 1, 0, false))),
    row("network_sup(inet,inet)", Scalar(|c| within(c, 0, 1, true))),
    row("network_supeq(inet,inet)", Scalar(|c| within(c, 0, 1, false))),
    row("network_overlap(inet,inet)", Scalar(overlap)),
    row("inetnot(inet)", Scalar(inverted)),
    row("inetand(inet,inet)", Scalar(|c| combined(c, "AND", |a, b| a & b))),
    row("inetor(inet,inet)", Scalar(|c| combined(c, "OR", |a, b| a | b))),
    row("inetpl(inet,bigint)", Scalar(|c| moved(&address(c, 0)?, i128::from(c.int(1)?)))),
    row("int8pl_inet(bigint,inet)", Scalar(|c| moved(&address(c, 1)?, i128::from(c.int(0)?)))),
    row("inetmi_int8(inet,bigint)", Scalar(|c| moved(&address(c, 0)?, i128::from(c.int(1)?.wrapping_neg())))),
    row("inetmi(inet,inet)", Scalar(difference)),
    row("trunc(macaddr)", Scalar(|c| mac(c, 0).map(|m| mac_value(m & 0xFFFF_FF00_0000)))),
    row("macaddr_not(macaddr)", Scalar(|c| mac(c, 0).map(|m| mac_value(!m & 0xFFFF_FFFF_FFFF)))),
    row("macaddr_and(macaddr,macaddr)", Scalar(|c| Ok(mac_value(mac(c, 0)? & mac(c, 1)?)))),
    row("macaddr_or(macaddr,macaddr)", Scalar(|c| Ok(mac_value(mac(c, 0)? | mac(c, 1)?)))),
];

fn address(call: &Call<'_>, at: usize) -> Result<Address> {
    Address::parse(call.text(at)?, true).ok_or_else(|| SqlError::internal("a stored address can be read"))
}

/// The address as a number.
fn number(address: &Address) -> u128 {
    match address.ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn limit(address: &Address) -> u128 {
    if address.ip.is_ipv4() { u128::from(u32::MAX) } else { u128::MAX }
}

fn like(address: &Address, number: u128, bits: u8) -> Address {
    let ip = if address.ip.is_ipv4() { IpAddr::V4(Ipv4Addr::from_bits(number as u32)) } else { IpAddr::V6(Ipv6Addr::from_bits(number)) };
    Address { ip, bits }
}

fn same_family(left: &Address, right: &Address) -> bool {
    left.ip.is_ipv4() == right.ip.is_ipv4()
}

/// IPv4 networks without the octets that the mask leaves out.
fn abbreviated_cidr(call: &Call<'_>) -> Result<Value> {
    let address = address(call, 0)?;
    let IpAddr::V4(ip) = address.ip else { return text_value(address.write(true)) };
    let count = usize::from(address.bits).div_ceil(8).max(1);
    let octets: Vec<String> = ip.octets()[..count].iter().map(u8::to_string).collect();
    text_value(format!("{}/{}", octets.join("."), address.bits))
}

fn masked(call: &Call<'_>, cidr: bool) -> Result<Value> {
    let (address, bits) = (address(call, 0)?, call.int(1)?);
    let bits = match bits {
        -1 => address.width(),
        bits if (0..=i64::from(address.width())).contains(&bits) => bits as u8,
        bits => return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid mask length: {bits}"))),
    };
    let out = Address { ip: address.ip, bits };
    text_value(if cidr { out.network().write(true) } else { out.write(false) })
}

fn merge(call: &Call<'_>) -> Result<Value> {
    let (left, right) = (address(call, 0)?, address(call, 1)?);
    if !same_family(&left, &right) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "cannot merge addresses from different families"));
    }
    let spare = 128 - u32::from(left.width());
    let common = ((number(&left) ^ number(&right)).leading_zeros() - spare).min(u32::from(left.bits)).min(u32::from(right.bits));
    text_value(Address { ip: left.ip, bits: common as u8 }.network().write(true))
}

fn within(call: &Call<'_>, outer: usize, inner: usize, strictly: bool) -> Result<Value> {
    let (outer, inner) = (address(call, outer)?, address(call, inner)?);
    bool_value(outer.contains(&inner) && (!strictly || inner.bits > outer.bits))
}

fn overlap(call: &Call<'_>) -> Result<Value> {
    let (left, right) = (address(call, 0)?, address(call, 1)?);
    bool_value(left.contains(&right) || right.contains(&left))
}

fn inverted(call: &Call<'_>) -> Result<Value> {
    let address = address(call, 0)?;
    text_value(like(&address, !number(&address) & limit(&address), address.bits).write(false))
}

fn combined(call: &Call<'_>, name: &str, of: fn(u128, u128) -> u128) -> Result<Value> {
    let (left, right) = (address(call, 0)?, address(call, 1)?);
    if !same_family(&left, &right) {
        let message = format!("cannot {name} inet values of different sizes");
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    text_value(like(&left, of(number(&left), number(&right)), left.bits.max(right.bits)).write(false))
}

fn moved(address: &Address, by: i128) -> Result<Value> {
    let out_of_range = || SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "result is out of range");
    let sum = number(address).checked_add_signed(by).filter(|sum| *sum <= limit(address)).ok_or_else(out_of_range)?;
    text_value(like(address, sum, address.bits).write(false))
}

fn difference(call: &Call<'_>) -> Result<Value> {
    let (left, right) = (address(call, 0)?, address(call, 1)?);
    if !same_family(&left, &right) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "cannot subtract inet values of different sizes"));
    }
    let out_of_range = || SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "result is out of range");
    let (l, r) = (number(&left), number(&right));
    let distance = i128::try_from(l.abs_diff(r)).map_err(|_| out_of_range())?;
    int_value(i64::try_from(if l >= r { distance } else { -distance }).map_err(|_| out_of_range())?)
}

fn mac(call: &Call<'_>, at: usize) -> Result<u64> {
    let digits: String = call.text(at)?.chars().filter(|c| *c != ':').collect();
    u64::from_str_radix(&digits, 16).map_err(|_| SqlError::internal("a stored macaddr can be read"))
}

fn mac_value(number: u64) -> Value {
    let octets: Vec<String> = number.to_be_bytes()[2..].iter().map(|byte| format!("{byte:02x}")).collect();
    Value::Text(octets.join(":"))
}
