/** What pg_proc says about the functions from j to z; `facts.ts` explains the form. */

export const FUNCTION_FACTS_J_TO_Z = `
lcm 5046:int4,int4:int4:iS 5047:int8,int8:int8:iS 5049:numeric,numeric:numeric:iS
ln 1341:float8:float8:iS 1734:numeric:numeric:iS
log 1340:float8:float8:iS 1741:numeric:numeric:iS 1736:numeric,numeric:numeric:iS
log10 1194:float8:float8:iS 1481:numeric:numeric:iS
min_scale 5042:numeric:int4:iS
mod 940:int2,int2:int2:iS 941:int4,int4:int4:iS 947:int8,int8:int8:iS 1728:numeric,numeric:numeric:iS
mul_d_interval 1624:float8,interval:interval:iS
name 409:bpchar:name:iS 407:text:name:iS 1400:varchar:name:iS
nameeq 62:name,name:bool:iS
nameeqtext 240:name,text:bool:iS
namege 658:name,name:bool:iS
namegetext 243:name,text:bool:iS
namegt 657:name,name:bool:iS
namegttext 244:name,text:bool:iS
namele 656:name,name:bool:iS
nameletext 242:name,text:bool:iS
namelt 655:name,name:bool:iS
namelttext 241:name,text:bool:iS
namene 659:name,name:bool:iS
namenetext 245:name,text:bool:iS
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
pi 1610::float8:iS
pow 1346:float8,float8:float8:iS 1738:numeric,numeric:numeric:iS
power 1368:float8,float8:float8:iS 2169:numeric,numeric:numeric:iS
radians 1609:float8:float8:iS
record_eq 2981:record,record:bool:iS
record_ge 2986:record,record:bool:iS
record_gt 2984:record,record:bool:iS
record_le 2985:record,record:bool:iS
record_lt 2983:record,record:bool:iS
record_ne 2982:record,record:bool:iS
regclass 1079:text:regclass:sS
round 1342:float8:float8:iS 1708:numeric:numeric:iS 1707:numeric,int4:numeric:iS
scale 3281:numeric:int4:iS
sign 2310:float8:float8:iS 1706:numeric:numeric:iS
sin 1604:float8:float8:iS
sind 2735:float8:float8:iS
sinh 2462:float8:float8:iS
sqrt 1344:float8:float8:iS 1730:numeric:numeric:iS
tan 1606:float8:float8:iS
tand 2737:float8:float8:iS
tanh 2464:float8:float8:iS
text 2971:bool:text:iS 401:bpchar:text:iS 946:char:text:iS 406:name:text:iS
text_ge 743:text,text:bool:iS
text_gt 742:text,text:bool:iS
text_le 741:text,text:bool:iS
text_lt 740:text,text:bool:iS
texteq 67:text,text:bool:iS
texteqname 247:text,name:bool:iS
textgename 250:text,name:bool:iS
textgtname 251:text,name:bool:iS
textlename 249:text,name:bool:iS
textltname 248:text,name:bool:iS
textne 157:text,text:bool:iS
textnename 252:text,name:bool:iS
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
trim_scale 5043:numeric:numeric:iS
trunc 1343:float8:float8:iS 1710:numeric:numeric:iS 1709:numeric,int4:numeric:iS
uuid_eq 2956:uuid,uuid:bool:iS
uuid_ge 2957:uuid,uuid:bool:iS
uuid_gt 2958:uuid,uuid:bool:iS
uuid_le 2955:uuid,uuid:bool:iS
uuid_lt 2954:uuid,uuid:bool:iS
uuid_ne 2959:uuid,uuid:bool:iS
varchar 1401:name:varchar:iS 669:varchar,int4,bool:varchar:iS
width_bucket 320:float8,float8,float8,int4:int4:iS 2170:numeric,numeric,numeric,int4:int4:iS
xideq 68:xid,xid:bool:iS
xideqint4 1319:xid,int4:bool:iS
xidneq 3308:xid,xid:bool:iS
xidneqint4 3309:xid,int4:bool:iS
`;
