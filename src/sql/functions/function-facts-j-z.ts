/** What pg_proc says about the functions from j to z; `facts.ts` explains the form. */

export const FUNCTION_FACTS_J_TO_Z = `
justify_days 1295:interval:interval:iS
justify_hours 1175:interval:interval:iS
justify_interval 2711:interval:interval:iS
lag 3108:anycompatible,int4,anycompatible:anycompatible:iSW 3106:anyelement:anyelement:iSW
lag 3107:anyelement,int4:anyelement:iSW
last_value 3113:anyelement:anyelement:iSW
lastval 2559::int8:vS
lcm 5046:int4,int4:int4:iS 5047:int8,int8:int8:iS 5049:numeric,numeric:numeric:iS
lead 3111:anycompatible,int4,anycompatible:anycompatible:iSW 3109:anyelement:anyelement:iSW
lead 3110:anyelement,int4:anyelement:iSW
left 3060:text,int4:text:iS
length 1318:bpchar:int4:iS 2010:bytea:int4:iS 1317:text:int4:iS
like 1569:text,text:bool:iS
like_escape 1637:text,text:text:iS
ln 1341:float8:float8:iS 1734:numeric:numeric:iS
log 1340:float8:float8:iS 1741:numeric:numeric:iS 1736:numeric,numeric:numeric:iS
log10 1194:float8:float8:iS 1481:numeric:numeric:iS
lower 870:text:text:iS
lpad 879:text,int4:text:iS 873:text,int4,text:text:iS
ltrim 6195:bytea,bytea:bytea:iS 881:text:text:iS 875:text,text:text:iS
make_date 3846:int4,int4,int4:date:iS:year,month,day
make_interval 3464:int4,int4,int4,int4,int4,int4,float8:interval:iS:years,months,weeks,days,hours,mins,secs
make_time 3847:int4,int4,float8:time:iS:hour,min,sec
make_timestamp 3461:int4,int4,int4,int4,int4,float8:timestamp:iS:year,month,mday,hour,min,sec
make_timestamptz 3462:int4,int4,int4,int4,int4,float8:timestamptz:sS:year,month,mday,hour,min,sec
make_timestamptz 3463:int4,int4,int4,int4,int4,float8,text:timestamptz:sS:year,month,mday,hour,min,sec,timezone
md5 2321:bytea:text:iS 2311:text:text:iS
min_scale 5042:numeric:int4:iS
mod 940:int2,int2:int2:iS 941:int4,int4:int4:iS 947:int8,int8:int8:iS 1728:numeric,numeric:numeric:iS
mul_d_interval 1624:float8,interval:interval:iS
name 409:bpchar:name:iS 407:text:name:iS 1400:varchar:name:iS
nameconcatoid 266:name,oid:name:iS
nameeq 62:name,name:bool:iS
nameeqtext 240:name,text:bool:iS
namege 658:name,name:bool:iS
namegetext 243:name,text:bool:iS
namegt 657:name,name:bool:iS
namegttext 244:name,text:bool:iS
nameiclike 1635:name,text:bool:iS
nameicnlike 1636:name,text:bool:iS
nameicregexeq 1240:name,text:bool:iS
nameicregexne 1241:name,text:bool:iS
namele 656:name,name:bool:iS
nameletext 242:name,text:bool:iS
namelike 858:name,text:bool:iS
namelt 655:name,name:bool:iS
namelttext 241:name,text:bool:iS
namene 659:name,name:bool:iS
namenetext 245:name,text:bool:iS
namenlike 859:name,text:bool:iS
nameregexeq 79:name,text:bool:iS
nameregexne 1252:name,text:bool:iS
nextval 1574:regclass:int8:vS
normalize 4350:text,text:text:iS
notlike 1570:text,text:bool:iS
now 1299::timestamptz:sS
nth_value 3114:anyelement,int4:anyelement:iSW
ntile 3105:int4:int4:iSW
num_nonnulls 440:any:int4:iVany
num_nulls 438:any:int4:iVany
numeric 1742:float4:numeric:iS 1743:float8:numeric:iS 1782:int2:numeric:iS 1740:int4:numeric:iS 1781:int8:numeric:iS
numeric 1703:numeric,int4:numeric:iS
numeric_abs 1704:numeric:numeric:iS
numeric_add 1724:numeric,numeric:numeric:iS
numeric_div 1727:numeric,numeric:numeric:iS
numeric_eq 1718:numeric,numeric:bool:iS
numeric_exp 1733:numeric:numeric:iS
numeric_ge 1721:numeric,numeric:bool:iS
numeric_gt 1720:numeric,numeric:bool:iS
numeric_inc 1764:numeric:numeric:iS
numeric_le 1723:numeric,numeric:bool:iS
numeric_ln 1735:numeric:numeric:iS
numeric_log 1737:numeric,numeric:numeric:iS
numeric_lt 1722:numeric,numeric:bool:iS
numeric_mod 1729:numeric,numeric:numeric:iS
numeric_mul 1726:numeric,numeric:numeric:iS
numeric_ne 1719:numeric,numeric:bool:iS
numeric_power 1739:numeric,numeric:numeric:iS
numeric_sqrt 1731:numeric:numeric:iS
numeric_sub 1725:numeric,numeric:numeric:iS
numeric_uminus 1771:numeric:numeric:iS
numeric_uplus 1915:numeric:numeric:iS
obj_description 1348:oid:text:sS 1215:oid,name:text:sS
octet_length 1375:bpchar:int4:iS 720:bytea:int4:iS 1374:text:int4:iS
oid 1287:int8:oid:iS
oideq 184:oid,oid:bool:iS
oidge 1639:oid,oid:bool:iS
oidgt 1638:oid,oid:bool:iS
oidle 717:oid,oid:bool:iS
oidlt 716:oid,oid:bool:iS
oidne 185:oid,oid:bool:iS
oidvectoreq 679:oidvector,oidvector:bool:iS
oidvectorge 680:oidvector,oidvector:bool:iS
oidvectorgt 681:oidvector,oidvector:bool:iS
oidvectorle 678:oidvector,oidvector:bool:iS
oidvectorlt 677:oidvector,oidvector:bool:iS
oidvectorne 619:oidvector,oidvector:bool:iS
overlaps 1308:time,time,time,time:bool:i 2042:timestamp,interval,timestamp,interval:bool:i
overlaps 2044:timestamp,interval,timestamp,timestamp:bool:i 2043:timestamp,timestamp,timestamp,interval:bool:i
overlaps 2041:timestamp,timestamp,timestamp,timestamp:bool:i 1305:timestamptz,interval,timestamptz,interval:bool:s
overlaps 1307:timestamptz,interval,timestamptz,timestamptz:bool:s
overlaps 1306:timestamptz,timestamptz,timestamptz,interval:bool:s
overlaps 1304:timestamptz,timestamptz,timestamptz,timestamptz:bool:i
overlay 1405:text,text,int4:text:iS 1404:text,text,int4,int4:text:iS
parse_ident 1268:text,bool:_text:iS:str,strict
percent_rank 3103::float8:iW
pg_advisory_lock 2886:int4,int4:void:vS 2880:int8:void:vS
pg_advisory_lock_shared 2887:int4,int4:void:vS 2881:int8:void:vS
pg_advisory_unlock 2890:int4,int4:bool:vS 2884:int8:bool:vS
pg_advisory_unlock_all 2892::void:vS
pg_advisory_unlock_shared 2891:int4,int4:bool:vS 2885:int8:bool:vS
pg_advisory_xact_lock 3093:int4,int4:void:vS 3089:int8:void:vS
pg_advisory_xact_lock_shared 3094:int4,int4:void:vS 3090:int8:void:vS
pg_backend_pid 2026::int4:sS
pg_blocking_pids 2561:int4:_int4:vS
pg_cancel_backend 2171:int4:bool:vS
pg_char_to_encoding 1264:name:int4:sS
pg_client_encoding 810::name:sS
pg_collation_is_visible 3815:oid:bool:sS
pg_conversion_is_visible 2093:oid:bool:sS
pg_database_size 2168:name:int8:vS 2324:oid:int8:vS
pg_encoding_to_char 1597:int4:name:sS
pg_function_is_visible 2081:oid:bool:sS
pg_get_constraintdef 1387:oid:text:sS 2508:oid,bool:text:sS
pg_get_expr 1716:pg_node_tree,oid:text:sS 2509:pg_node_tree,oid,bool:text:sS
pg_get_function_arguments 2162:oid:text:sS
pg_get_function_identity_arguments 2232:oid:text:sS
pg_get_function_result 2165:oid:text:sS
pg_get_function_sqlbody 6197:oid:text:sS
pg_get_partition_constraintdef 3408:oid:text:sS
pg_get_partkeydef 3352:oid:text:sS
pg_get_indexdef 1643:oid:text:sS 2507:oid,int4,bool:text:sS
pg_get_keywords 1686::record:sSR::word=text,catcode=char,barelabel=bool,catdesc=text,baredesc=text
pg_get_ruledef 1573:oid:text:sS 2504:oid,bool:text:sS
pg_get_serial_sequence 1665:text,text:text:sS
pg_get_statisticsobjdef 3415:oid:text:sS
pg_get_statisticsobjdef_columns 6174:oid:text:sS
pg_get_triggerdef 1662:oid:text:sS 2730:oid,bool:text:sS
pg_get_userbyid 1642:oid:name:sS
pg_get_viewdef 1641:oid:text:sS 2506:oid,bool:text:sS 3159:oid,int4:text:sS 1640:text:text:sS 2505:text,bool:text:sS
pg_has_role 2705:name,name,text:bool:sS 2706:name,oid,text:bool:sS 2709:name,text:bool:sS 2707:oid,name,text:bool:sS
pg_has_role 2708:oid,oid,text:bool:sS 2710:oid,text:bool:sS
pg_index_column_has_property 638:regclass,int4,text:bool:sS
pg_index_has_property 637:regclass,text:bool:sS
pg_indexam_has_property 636:oid,text:bool:sS
pg_indexes_size 2998:regclass:int8:vS
pg_is_in_recovery 3810::bool:vS
pg_is_other_temp_schema 2855:oid:bool:sS
pg_isolation_test_session_is_blocked 3378:int4,_int4:bool:vS
pg_my_temp_schema 2854::oid:sS
pg_notify 3036:text,text:void:v
pg_opclass_is_visible 2083:oid:bool:sS
pg_operator_is_visible 2082:oid:bool:sS
pg_opfamily_is_visible 3829:oid:bool:sS
pg_options_to_table 2289:_text:record:sSR:options_array:option_name=text,option_value=text
pg_partition_ancestors 3425:regclass:regclass:vSR:partitionid:relid=regclass
pg_partition_root 3424:regclass:regclass:sS
pg_partition_tree 3423:regclass:record:vSR:rootrelid:relid=regclass,parentrelid=regclass,isleaf=bool,level=int4
pg_relation_is_publishable 6121:regclass:bool:sS
pg_relation_size 2325:regclass:int8:vS 2332:regclass,text:int8:vS
pg_size_bytes 3334:text:int8:iS
pg_sequence_row 14198:oid:record:vSR::last_value=int8,log_cnt=int8,is_called=bool
pg_size_pretty 2288:int8:text:iS 3166:numeric:text:iS
pg_sleep 2626:float8:void:vS
pg_sleep_for 3935:interval:void:vS
pg_statistics_obj_is_visible 3403:oid:bool:sS
pg_table_is_visible 2079:oid:bool:sS
pg_table_size 2997:regclass:int8:vS
pg_tablespace_location 3778:oid:text:sS
pg_terminate_backend 2096:int4,int8:bool:vS:pid,timeout
pg_total_relation_size 2286:regclass:int8:vS
pg_try_advisory_lock 2888:int4,int4:bool:vS 2882:int8:bool:vS
pg_try_advisory_lock_shared 2889:int4,int4:bool:vS 2883:int8:bool:vS
pg_try_advisory_xact_lock 3095:int4,int4:bool:vS 3091:int8:bool:vS
pg_try_advisory_xact_lock_shared 3096:int4,int4:bool:vS 3092:int8:bool:vS
pg_ts_config_is_visible 3758:oid:bool:sS
pg_ts_dict_is_visible 3757:oid:bool:sS
pg_ts_parser_is_visible 3756:oid:bool:sS
pg_ts_template_is_visible 3768:oid:bool:sS
pg_type_is_visible 2080:oid:bool:sS
pg_typeof 1619:any:regtype:s
pi 1610::float8:iS
position 2014:bytea,bytea:int4:iS 849:text,text:int4:iS
pow 1346:float8,float8:float8:iS 1738:numeric,numeric:numeric:iS
power 1368:float8,float8:float8:iS 2169:numeric,numeric:numeric:iS
quote_ident 1282:text:text:iS
quote_literal 1285:anyelement:text:sS 1283:text:text:iS
quote_nullable 1290:anyelement:text:s 1289:text:text:i
radians 1609:float8:float8:iS
random 1598::float8:vS
rank 3101::int8:iW
record_eq 2981:record,record:bool:iS
record_ge 2986:record,record:bool:iS
record_gt 2984:record,record:bool:iS
record_le 2985:record,record:bool:iS
record_lt 2983:record,record:bool:iS
record_ne 2982:record,record:bool:iS
regclass 1079:text:regclass:sS
regexp_count 6254:text,text:int4:iS 6255:text,text,int4:int4:iS 6256:text,text,int4,text:int4:iS
regexp_instr 6257:text,text:int4:iS 6258:text,text,int4:int4:iS 6259:text,text,int4,int4:int4:iS
regexp_instr 6260:text,text,int4,int4,int4:int4:iS 6261:text,text,int4,int4,int4,text:int4:iS
regexp_instr 6262:text,text,int4,int4,int4,text,int4:int4:iS
regexp_like 6263:text,text:bool:iS 6264:text,text,text:bool:iS
regexp_match 3396:text,text:_text:iS 3397:text,text,text:_text:iS
regexp_matches 2763:text,text:_text:iSR 2764:text,text,text:_text:iSR
regexp_replace 2284:text,text,text:text:iS 6253:text,text,text,int4:text:iS 6252:text,text,text,int4,int4:text:iS
regexp_replace 6251:text,text,text,int4,int4,text:text:iS 2285:text,text,text,text:text:iS
regexp_split_to_array 2767:text,text:_text:iS 2768:text,text,text:_text:iS
regexp_split_to_table 2765:text,text:text:iSR 2766:text,text,text:text:iSR
regexp_substr 6265:text,text:text:iS 6266:text,text,int4:text:iS 6267:text,text,int4,int4:text:iS
regexp_substr 6268:text,text,int4,int4,text:text:iS 6269:text,text,int4,int4,text,int4:text:iS
repeat 1622:text,int4:text:iS
replace 2087:text,text,text:text:iS
reverse 3062:text:text:iS
right 3061:text,int4:text:iS
round 1342:float8:float8:iS 1708:numeric:numeric:iS 1707:numeric,int4:numeric:iS
row_number 3100::int8:iW
rpad 880:text,int4:text:iS 874:text,int4,text:text:iS
rtrim 6196:bytea,bytea:bytea:iS 882:text:text:iS 876:text,text:text:iS
scale 3281:numeric:int4:iS
session_user 746::name:sS
set_bit 724:bytea,int8,int4:bytea:iS
set_byte 722:bytea,int4,int4:bytea:iS
set_config 2078:text,text,bool:text:v
setseed 1599:float8:void:vS
setval 1576:regclass,int8:int8:vS 1765:regclass,int8,bool:int8:vS
sha224 3419:bytea:bytea:iS
sha256 3420:bytea:bytea:iS
sha384 3421:bytea:bytea:iS
sha512 3422:bytea:bytea:iS
shobj_description 1993:oid,name:text:sS
sign 2310:float8:float8:iS 1706:numeric:numeric:iS
similar_escape 1623:text,text:text:i
similar_to_escape 1987:text:text:iS 1986:text,text:text:iS
sin 1604:float8:float8:iS
sind 2735:float8:float8:iS
sinh 2462:float8:float8:iS
split_part 2088:text,text,int4:text:iS
sqrt 1344:float8:float8:iS 1730:numeric:numeric:iS
starts_with 3696:text,text:bool:iS
statement_timestamp 2648::timestamptz:sS
string_to_array 394:text,text:_text:i 376:text,text,text:_text:i
string_to_table 6160:text,text:text:iR 6161:text,text,text:text:iR
strpos 868:text,text:int4:iS
substr 2086:bytea,int4:bytea:iS 2085:bytea,int4,int4:bytea:iS 883:text,int4:text:iS 877:text,int4,int4:text:iS
substring 2013:bytea,int4:bytea:iS 2012:bytea,int4,int4:bytea:iS 937:text,int4:text:iS 936:text,int4,int4:text:iS
substring 2073:text,text:text:iS 2074:text,text,text:text:iS
tan 1606:float8:float8:iS
tand 2737:float8:float8:iS
tanh 2464:float8:float8:iS
text 2971:bool:text:iS 401:bpchar:text:iS 946:char:text:iS 406:name:text:iS
text_ge 743:text,text:bool:iS
text_gt 742:text,text:bool:iS
text_le 741:text,text:bool:iS
text_lt 740:text,text:bool:iS
text_pattern_ge 2163:text,text:bool:iS
text_pattern_gt 2164:text,text:bool:iS
text_pattern_le 2161:text,text:bool:iS
text_pattern_lt 2160:text,text:bool:iS
textanycat 2003:text,anynonarray:text:sS
textcat 1258:text,text:text:iS
texteq 67:text,text:bool:iS
texteqname 247:text,name:bool:iS
textgename 250:text,name:bool:iS
textgtname 251:text,name:bool:iS
texticlike 1633:text,text:bool:iS
texticnlike 1634:text,text:bool:iS
texticregexeq 1238:text,text:bool:iS
texticregexne 1239:text,text:bool:iS
textlename 249:text,name:bool:iS
textlike 850:text,text:bool:iS
textltname 248:text,name:bool:iS
textne 157:text,text:bool:iS
textnename 252:text,name:bool:iS
textnlike 851:text,text:bool:iS
textregexeq 1254:text,text:bool:iS
textregexne 1256:text,text:bool:iS
tideq 1292:tid,tid:bool:iS
tidge 2792:tid,tid:bool:iS
tidgt 2790:tid,tid:bool:iS
tidle 2793:tid,tid:bool:iS
tidlt 2791:tid,tid:bool:iS
tidne 1265:tid,tid:bool:iS
time 1419:interval:time:iS 1968:time,int4:time:iS 1316:timestamp:time:iS 2019:timestamptz:time:sS
time_eq 1145:time,time:bool:iS
time_ge 1105:time,time:bool:iS
time_gt 1104:time,time:bool:iS
time_le 1103:time,time:bool:iS
time_lt 1102:time,time:bool:iS
time_mi_interval 1748:time,interval:time:iS
time_mi_time 1690:time,time:interval:iS
time_ne 1106:time,time:bool:iS
time_pl_interval 1747:time,interval:time:iS
timedate_pl 1296:time,date:timestamp:iS
timeofday 274::text:vS
timestamp 2024:date:timestamp:iS 1961:timestamp,int4:timestamp:iS 2027:timestamptz:timestamp:sS
timestamp_eq 2052:timestamp,timestamp:bool:iS
timestamp_eq_date 2366:timestamp,date:bool:iS
timestamp_eq_timestamptz 2522:timestamp,timestamptz:bool:sS
timestamp_ge 2056:timestamp,timestamp:bool:iS
timestamp_ge_date 2368:timestamp,date:bool:iS
timestamp_ge_timestamptz 2524:timestamp,timestamptz:bool:sS
timestamp_gt 2057:timestamp,timestamp:bool:iS
timestamp_gt_date 2367:timestamp,date:bool:iS
timestamp_gt_timestamptz 2523:timestamp,timestamptz:bool:sS
timestamp_le 2055:timestamp,timestamp:bool:iS
timestamp_le_date 2365:timestamp,date:bool:iS
timestamp_le_timestamptz 2521:timestamp,timestamptz:bool:sS
timestamp_lt 2054:timestamp,timestamp:bool:iS
timestamp_lt_date 2364:timestamp,date:bool:iS
timestamp_lt_timestamptz 2520:timestamp,timestamptz:bool:sS
timestamp_mi 2031:timestamp,timestamp:interval:iS
timestamp_mi_interval 2033:timestamp,interval:timestamp:iS
timestamp_ne 2053:timestamp,timestamp:bool:iS
timestamp_ne_date 2369:timestamp,date:bool:iS
timestamp_ne_timestamptz 2525:timestamp,timestamptz:bool:sS
timestamp_pl_interval 2032:timestamp,interval:timestamp:iS
timestamptz 1174:date:timestamptz:sS 2028:timestamp:timestamptz:sS 1967:timestamptz,int4:timestamptz:iS
timestamptz_eq 1152:timestamptz,timestamptz:bool:iS
timestamptz_eq_date 2379:timestamptz,date:bool:sS
timestamptz_eq_timestamp 2529:timestamptz,timestamp:bool:sS
timestamptz_ge 1156:timestamptz,timestamptz:bool:iS
timestamptz_ge_date 2381:timestamptz,date:bool:sS
timestamptz_ge_timestamp 2531:timestamptz,timestamp:bool:sS
timestamptz_gt 1157:timestamptz,timestamptz:bool:iS
timestamptz_gt_date 2380:timestamptz,date:bool:sS
timestamptz_gt_timestamp 2530:timestamptz,timestamp:bool:sS
timestamptz_le 1155:timestamptz,timestamptz:bool:iS
timestamptz_le_date 2378:timestamptz,date:bool:sS
timestamptz_le_timestamp 2528:timestamptz,timestamp:bool:sS
timestamptz_lt 1154:timestamptz,timestamptz:bool:iS
timestamptz_lt_date 2377:timestamptz,date:bool:sS
timestamptz_lt_timestamp 2527:timestamptz,timestamp:bool:sS
timestamptz_mi 1188:timestamptz,timestamptz:interval:iS
timestamptz_mi_interval 1190:timestamptz,interval:timestamptz:sS
timestamptz_ne 1153:timestamptz,timestamptz:bool:iS
timestamptz_ne_date 2382:timestamptz,date:bool:sS
timestamptz_ne_timestamp 2532:timestamptz,timestamp:bool:sS
timestamptz_pl_interval 1189:timestamptz,interval:timestamptz:sS
timezone 2070:interval,timestamp:timestamptz:iS 1026:interval,timestamptz:timestamp:iS
timezone 2069:text,timestamp:timestamptz:iS 1159:text,timestamptz:timestamp:iS
to_char 1775:float4,text:text:sS 1776:float8,text:text:sS 1773:int4,text:text:sS 1774:int8,text:text:sS
to_char 1768:interval,text:text:sS 1772:numeric,text:text:sS 2049:timestamp,text:text:sS 1770:timestamptz,text:text:sS
to_date 1780:text,text:date:sS
to_hex 2089:int4:text:iS 2090:int8:text:iS
to_number 1777:text,text:numeric:sS
to_regclass 3495:text:regclass:sS
to_regnamespace 4086:text:regnamespace:sS
to_regrole 4093:text:regrole:sS
to_regtype 3493:text:regtype:sS
to_timestamp 1158:float8:timestamptz:iS 1778:text,text:timestamptz:sS
transaction_timestamp 2647::timestamptz:sS
translate 878:text,text,text:text:iS
trim_array 6172:anyarray,int4:anyarray:iS
trim_scale 5043:numeric:numeric:iS
trunc 1343:float8:float8:iS 1710:numeric:numeric:iS 1709:numeric,int4:numeric:iS
txid_current 2943::int8:sS
txid_current_if_assigned 3348::int8:sS
unistr 6198:text:text:iS
unnest 2331:anyarray:anyelement:iSR
upper 871:text:text:iS
uuid_eq 2956:uuid,uuid:bool:iS
uuid_ge 2957:uuid,uuid:bool:iS
uuid_generate_v4 14199::uuid:vS
uuid_gt 2958:uuid,uuid:bool:iS
uuid_le 2955:uuid,uuid:bool:iS
uuid_lt 2954:uuid,uuid:bool:iS
uuid_ne 2959:uuid,uuid:bool:iS
varchar 1401:name:varchar:iS 669:varchar,int4,bool:varchar:iS
version 89::text:sS
width_bucket 3218:anycompatible,anycompatiblearray:int4:iS 320:float8,float8,float8,int4:int4:iS
width_bucket 2170:numeric,numeric,numeric,int4:int4:iS
xideq 68:xid,xid:bool:iS
xideqint4 1319:xid,int4:bool:iS
xidneq 3308:xid,xid:bool:iS
xidneqint4 3309:xid,int4:bool:iS
`;
