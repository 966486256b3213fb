//! OIDs of the built-in types that the code names, as PostgreSQL's `pg_type.dat` assigns them.

use super::Oid;

/// `bool`.
pub const BOOL: Oid = 16;
/// `_bool`.
pub const BOOL_ARRAY: Oid = 1000;
/// `bytea`.
pub const BYTEA: Oid = 17;
/// `_bytea`.
pub const BYTEA_ARRAY: Oid = 1001;
/// `char`.
pub const CHAR: Oid = 18;
/// `_char`.
pub const CHAR_ARRAY: Oid = 1002;
/// `name`.
pub const NAME: Oid = 19;
/// `_name`.
pub const NAME_ARRAY: Oid = 1003;
/// `int8`.
pub const INT8: Oid = 20;
/// `_int8`.
pub const INT8_ARRAY: Oid = 1016;
/// `int2`.
pub const INT2: Oid = 21;
/// `_int2`.
pub const INT2_ARRAY: Oid = 1005;
/// `int4`.
pub const INT4: Oid = 23;
/// `_int4`.
pub const INT4_ARRAY: Oid = 1007;
/// `regproc`.
pub const REGPROC: Oid = 24;
/// `_regproc`.
pub const REGPROC_ARRAY: Oid = 1008;
/// `text`.
pub const TEXT: Oid = 25;
/// `_text`.
pub const TEXT_ARRAY: Oid = 1009;
/// `oid`.
pub const OID: Oid = 26;
/// `_oid`.
pub const OID_ARRAY: Oid = 1028;
/// `tid`.
pub const TID: Oid = 27;
/// `_tid`.
pub const TID_ARRAY: Oid = 1010;
/// `xid`.
pub const XID: Oid = 28;
/// `_xid`.
pub const XID_ARRAY: Oid = 1011;
/// `cid`.
pub const CID: Oid = 29;
/// `_cid`.
pub const CID_ARRAY: Oid = 1012;
/// `json`.
pub const JSON: Oid = 114;
/// `_json`.
pub const JSON_ARRAY: Oid = 199;
/// `xml`.
pub const XML: Oid = 142;
/// `_xml`.
pub const XML_ARRAY: Oid = 143;
/// `jsonb`.
pub const JSONB: Oid = 3802;
/// `_jsonb`.
pub const JSONB_ARRAY: Oid = 3807;
/// `jsonpath`.
pub const JSONPATH: Oid = 4072;
/// `_jsonpath`.
pub const JSONPATH_ARRAY: Oid = 4073;
/// `point`.
pub const POINT: Oid = 600;
/// `_point`.
pub const POINT_ARRAY: Oid = 1017;
/// `float4`.
pub const FLOAT4: Oid = 700;
/// `_float4`.
pub const FLOAT4_ARRAY: Oid = 1021;
/// `float8`.
pub const FLOAT8: Oid = 701;
/// `_float8`.
pub const FLOAT8_ARRAY: Oid = 1022;
/// `unknown`.
pub const UNKNOWN: Oid = 705;
/// `money`.
pub const MONEY: Oid = 790;
/// `_money`.
pub const MONEY_ARRAY: Oid = 791;
/// `macaddr`.
pub const MACADDR: Oid = 829;
/// `_macaddr`.
pub const MACADDR_ARRAY: Oid = 1040;
/// `macaddr8`.
pub const MACADDR8: Oid = 774;
/// `_macaddr8`.
pub const MACADDR8_ARRAY: Oid = 775;
/// `inet`.
pub const INET: Oid = 869;
/// `_inet`.
pub const INET_ARRAY: Oid = 1041;
/// `cidr`.
pub const CIDR: Oid = 650;
/// `_cidr`.
pub const CIDR_ARRAY: Oid = 651;
/// `bpchar`.
pub const BPCHAR: Oid = 1042;
/// `_bpchar`.
pub const BPCHAR_ARRAY: Oid = 1014;
/// `varchar`.
pub const VARCHAR: Oid = 1043;
/// `_varchar`.
pub const VARCHAR_ARRAY: Oid = 1015;
/// `date`.
pub const DATE: Oid = 1082;
/// `_date`.
pub const DATE_ARRAY: Oid = 1182;
/// `time`.
pub const TIME: Oid = 1083;
/// `_time`.
pub const TIME_ARRAY: Oid = 1183;
/// `timestamp`.
pub const TIMESTAMP: Oid = 1114;
/// `_timestamp`.
pub const TIMESTAMP_ARRAY: Oid = 1115;
/// `timestamptz`.
pub const TIMESTAMPTZ: Oid = 1184;
/// `_timestamptz`.
pub const TIMESTAMPTZ_ARRAY: Oid = 1185;
/// `interval`.
pub const INTERVAL: Oid = 1186;
/// `_interval`.
pub const INTERVAL_ARRAY: Oid = 1187;
/// `timetz`.
pub const TIMETZ: Oid = 1266;
/// `_timetz`.
pub const TIMETZ_ARRAY: Oid = 1270;
/// `bit`.
pub const BIT: Oid = 1560;
/// `_bit`.
pub const BIT_ARRAY: Oid = 1561;
/// `varbit`.
pub const VARBIT: Oid = 1562;
/// `_varbit`.
pub const VARBIT_ARRAY: Oid = 1563;
/// `numeric`.
pub const NUMERIC: Oid = 1700;
/// `_numeric`.
pub const NUMERIC_ARRAY: Oid = 1231;
/// `refcursor`.
pub const REFCURSOR: Oid = 1790;
/// `_refcursor`.
pub const REFCURSOR_ARRAY: Oid = 2201;
/// `regprocedure`.
pub const REGPROCEDURE: Oid = 2202;
/// `_regprocedure`.
pub const REGPROCEDURE_ARRAY: Oid = 2207;
/// `regoper`.
pub const REGOPER: Oid = 2203;
/// `_regoper`.
pub const REGOPER_ARRAY: Oid = 2208;
/// `regoperator`.
pub const REGOPERATOR: Oid = 2204;
/// `_regoperator`.
pub const REGOPERATOR_ARRAY: Oid = 2209;
/// `regclass`.
pub const REGCLASS: Oid = 2205;
/// `_regclass`.
pub const REGCLASS_ARRAY: Oid = 2210;
/// `regtype`.
pub const REGTYPE: Oid = 2206;
/// `_regtype`.
pub const REGTYPE_ARRAY: Oid = 2211;
/// `regrole`.
pub const REGROLE: Oid = 4096;
/// `_regrole`.
pub const REGROLE_ARRAY: Oid = 4097;
/// `regnamespace`.
pub const REGNAMESPACE: Oid = 4089;
/// `_regnamespace`.
pub const REGNAMESPACE_ARRAY: Oid = 4090;
/// `uuid`.
pub const UUID: Oid = 2950;
/// `_uuid`.
pub const UUID_ARRAY: Oid = 2951;
/// `record`.
pub const RECORD: Oid = 2249;
/// `_record`.
pub const RECORD_ARRAY: Oid = 2287;
/// `cstring`.
pub const CSTRING: Oid = 2275;
/// `_cstring`.
pub const CSTRING_ARRAY: Oid = 1263;
/// `any`.
pub const ANY: Oid = 2276;
/// `anyarray`.
pub const ANYARRAY: Oid = 2277;
/// `void`.
pub const VOID: Oid = 2278;
/// `anyelement`.
pub const ANYELEMENT: Oid = 2283;
/// `anynonarray`.
pub const ANYNONARRAY: Oid = 2776;
/// `anyenum`.
pub const ANYENUM: Oid = 3500;
/// `anyrange`.
pub const ANYRANGE: Oid = 3831;
/// `anymultirange`.
pub const ANYMULTIRANGE: Oid = 4537;
/// `anycompatible`.
pub const ANYCOMPATIBLE: Oid = 5077;
/// `anycompatiblearray`.
pub const ANYCOMPATIBLEARRAY: Oid = 5078;
/// `anycompatiblenonarray`.
pub const ANYCOMPATIBLENONARRAY: Oid = 5079;
/// `anycompatiblerange`.
pub const ANYCOMPATIBLERANGE: Oid = 5080;
/// `anycompatiblemultirange`.
pub const ANYCOMPATIBLEMULTIRANGE: Oid = 4538;
/// `trigger`.
pub const TRIGGER: Oid = 2279;
/// `internal`.
pub const INTERNAL: Oid = 2281;
/// `int4range`.
pub const INT4RANGE: Oid = 3904;
/// `_int4range`.
pub const INT4RANGE_ARRAY: Oid = 3905;
/// `numrange`.
pub const NUMRANGE: Oid = 3906;
/// `_numrange`.
pub const NUMRANGE_ARRAY: Oid = 3907;
/// `tsrange`.
pub const TSRANGE: Oid = 3908;
/// `_tsrange`.
pub const TSRANGE_ARRAY: Oid = 3909;
/// `tstzrange`.
pub const TSTZRANGE: Oid = 3910;
/// `_tstzrange`.
pub const TSTZRANGE_ARRAY: Oid = 3911;
/// `daterange`.
pub const DATERANGE: Oid = 3912;
/// `_daterange`.
pub const DATERANGE_ARRAY: Oid = 3913;
/// `int8range`.
pub const INT8RANGE: Oid = 3926;
/// `_int8range`.
pub const INT8RANGE_ARRAY: Oid = 3927;
/// `int4multirange`.
pub const INT4MULTIRANGE: Oid = 4451;
/// `_int4multirange`.
pub const INT4MULTIRANGE_ARRAY: Oid = 6150;
/// `nummultirange`.
pub const NUMMULTIRANGE: Oid = 4532;
/// `_nummultirange`.
pub const NUMMULTIRANGE_ARRAY: Oid = 6151;
/// `tsmultirange`.
pub const TSMULTIRANGE: Oid = 4533;
/// `_tsmultirange`.
pub const TSMULTIRANGE_ARRAY: Oid = 6152;
/// `tstzmultirange`.
pub const TSTZMULTIRANGE: Oid = 4534;
/// `_tstzmultirange`.
pub const TSTZMULTIRANGE_ARRAY: Oid = 6153;
/// `datemultirange`.
pub const DATEMULTIRANGE: Oid = 4535;
/// `_datemultirange`.
pub const DATEMULTIRANGE_ARRAY: Oid = 6155;
/// `int8multirange`.
pub const INT8MULTIRANGE: Oid = 4536;
/// `_int8multirange`.
pub const INT8MULTIRANGE_ARRAY: Oid = 6157;
/// `int2vector`.
pub const INT2VECTOR: Oid = 22;
/// `_int2vector`.
pub const INT2VECTOR_ARRAY: Oid = 1006;
/// `oidvector`.
pub const OIDVECTOR: Oid = 30;
/// `_oidvector`.
pub const OIDVECTOR_ARRAY: Oid = 1013;
/// `aclitem`.
pub const ACLITEM: Oid = 1033;
/// `_aclitem`.
pub const ACLITEM_ARRAY: Oid = 1034;
/// `tsvector`.
pub const TSVECTOR: Oid = 3614;
/// `_tsvector`.
pub const TSVECTOR_ARRAY: Oid = 3643;
/// `tsquery`.
pub const TSQUERY: Oid = 3615;
/// `_tsquery`.
pub const TSQUERY_ARRAY: Oid = 3645;
/// `xid8`.
pub const XID8: Oid = 5069;
/// `_xid8`.
pub const XID8_ARRAY: Oid = 271;
