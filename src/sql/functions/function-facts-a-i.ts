/** What pg_proc says about the functions from a to i; `facts.ts` explains the form. */

export const FUNCTION_FACTS_A_TO_I = `
_pg_expandarray 13208:anyarray:record:iSR::x=anyelement,n=int4
abs 1394:float4:float4:iS 1395:float8:float8:iS 1398:int2:int2:iS 1397:int4:int4:iS 1396:int8:int8:iS
abs 1705:numeric:numeric:iS
acldefault 3943:char,oid:_text:iS
aclexplode 1689:_text:record:sSR:acl:grantor=oid,grantee=oid,privilege_type=text,is_grantable=bool
acos 1601:float8:float8:iS
acosd 2732:float8:float8:iS
acosh 2466:float8:float8:iS
age 2059:timestamp:interval:sS 2058:timestamp,timestamp:interval:iS 1386:timestamptz:interval:sS
age 1199:timestamptz,timestamptz:interval:iS
anytextcat 2004:anynonarray,text:text:sS
array_append 378:anycompatiblearray,anycompatible:anycompatiblearray:i
array_cat 383:anycompatiblearray,anycompatiblearray:anycompatiblearray:i
array_dims 747:anyarray:text:iS
array_eq 744:anyarray,anyarray:bool:iS
array_fill 1193:anyelement,_int4:anyarray:i 1286:anyelement,_int4,_int4:anyarray:i
array_ge 396:anyarray,anyarray:bool:iS
array_gt 392:anyarray,anyarray:bool:iS
array_le 393:anyarray,anyarray:bool:iS
array_length 2176:anyarray,int4:int4:iS
array_lower 2091:anyarray,int4:int4:iS
array_lt 391:anyarray,anyarray:bool:iS
array_ndims 748:anyarray:int4:iS
array_ne 390:anyarray,anyarray:bool:iS
array_position 3277:anycompatiblearray,anycompatible:int4:i 3278:anycompatiblearray,anycompatible,int4:int4:i
array_positions 3279:anycompatiblearray,anycompatible:_int4:i
array_prepend 379:anycompatible,anycompatiblearray:anycompatiblearray:i
array_remove 3167:anycompatiblearray,anycompatible:anycompatiblearray:i
array_replace 3168:anycompatiblearray,anycompatible,anycompatible:anycompatiblearray:i
array_to_string 395:anyarray,text:text:sS 384:anyarray,text,text:text:s
array_upper 2092:anyarray,int4:int4:iS
arraycontained 2749:anyarray,anyarray:bool:iS
arraycontains 2748:anyarray,anyarray:bool:iS
arrayoverlap 2747:anyarray,anyarray:bool:iS
ascii 1620:text:int4:iS
asin 1600:float8:float8:iS
asind 2731:float8:float8:iS
asinh 2465:float8:float8:iS
atan 1602:float8:float8:iS
atan2 1603:float8,float8:float8:iS
atan2d 2734:float8,float8:float8:iS
atand 2733:float8:float8:iS
atanh 2467:float8:float8:iS
bit_count 6163:bytea:int8:iS
bit_length 1810:bytea:int4:iS 1811:text:int4:iS
bool 2557:int4:bool:iS
booleq 60:bool,bool:bool:iS
boolge 1692:bool,bool:bool:iS
boolgt 57:bool,bool:bool:iS
boolle 1691:bool,bool:bool:iS
boollt 56:bool,bool:bool:iS
boolne 84:bool,bool:bool:iS
bpchar 668:bpchar,int4,bool:bpchar:iS 860:char:bpchar:iS 408:name:bpchar:iS
bpchar_pattern_ge 2177:bpchar,bpchar:bool:iS
bpchar_pattern_gt 2178:bpchar,bpchar:bool:iS
bpchar_pattern_le 2175:bpchar,bpchar:bool:iS
bpchar_pattern_lt 2174:bpchar,bpchar:bool:iS
bpchareq 1048:bpchar,bpchar:bool:iS
bpcharge 1052:bpchar,bpchar:bool:iS
bpchargt 1051:bpchar,bpchar:bool:iS
bpchariclike 1660:bpchar,text:bool:iS
bpcharicnlike 1661:bpchar,text:bool:iS
bpcharicregexeq 1656:bpchar,text:bool:iS
bpcharicregexne 1657:bpchar,text:bool:iS
bpcharle 1050:bpchar,bpchar:bool:iS
bpcharlike 1631:bpchar,text:bool:iS
bpcharlt 1049:bpchar,bpchar:bool:iS
bpcharne 1053:bpchar,bpchar:bool:iS
bpcharnlike 1632:bpchar,text:bool:iS
bpcharregexeq 1658:bpchar,text:bool:iS
bpcharregexne 1659:bpchar,text:bool:iS
btrim 2015:bytea,bytea:bytea:iS 885:text:text:iS 884:text,text:text:iS
byteacat 2011:bytea,bytea:bytea:iS
byteaeq 1948:bytea,bytea:bool:iS
byteage 1952:bytea,bytea:bool:iS
byteagt 1951:bytea,bytea:bool:iS
byteale 1950:bytea,bytea:bool:iS
bytealike 2005:bytea,bytea:bool:iS
bytealt 1949:bytea,bytea:bool:iS
byteane 1953:bytea,bytea:bool:iS
byteanlike 2006:bytea,bytea:bool:iS
cardinality 3179:anyarray:int4:iS
cbrt 1345:float8:float8:iS
ceil 2308:float8:float8:iS 1711:numeric:numeric:iS
ceiling 2320:float8:float8:iS 2167:numeric:numeric:iS
char 78:int4:char:iS 944:text:char:iS
char_length 1372:bpchar:int4:iS 1381:text:int4:iS
character_length 1367:bpchar:int4:iS 1369:text:int4:iS
chareq 61:char,char:bool:iS
charge 74:char,char:bool:iS
chargt 73:char,char:bool:iS
charle 72:char,char:bool:iS
charlt 1246:char,char:bool:iS
charne 70:char,char:bool:iS
chr 1621:int4:text:iS
cideq 69:cid,cid:bool:iS
clock_timestamp 2649::timestamptz:vS
col_description 1216:oid,int4:text:sS
concat 3058:any:text:sVany
concat_ws 3059:text,any:text:sVany
convert_from 1714:bytea,name:text:sS
convert_to 1717:text,name:bytea:sS
cos 1605:float8:float8:iS
cosd 2736:float8:float8:iS
cosh 2463:float8:float8:iS
cot 1607:float8:float8:iS
cotd 2738:float8:float8:iS
cume_dist 3104::float8:iW
current_database 861::name:sS
current_schema 1402::name:sS
current_schemas 1403:bool:_name:sS
current_setting 2077:text:text:sS 3294:text,bool:text:sS
current_user 745::name:sS
currval 1575:regclass:int8:vS
date 2029:timestamp:date:iS 1178:timestamptz:date:sS
date_bin 6177:interval,timestamp,timestamp:timestamp:iS 6178:interval,timestamptz,timestamptz:timestamptz:iS
date_eq 1086:date,date:bool:iS
date_eq_timestamp 2340:date,timestamp:bool:iS
date_eq_timestamptz 2353:date,timestamptz:bool:sS
date_ge 1090:date,date:bool:iS
date_ge_timestamp 2342:date,timestamp:bool:iS
date_ge_timestamptz 2355:date,timestamptz:bool:sS
date_gt 1089:date,date:bool:iS
date_gt_timestamp 2341:date,timestamp:bool:iS
date_gt_timestamptz 2354:date,timestamptz:bool:sS
date_le 1088:date,date:bool:iS
date_le_timestamp 2339:date,timestamp:bool:iS
date_le_timestamptz 2352:date,timestamptz:bool:sS
date_lt 1087:date,date:bool:iS
date_lt_timestamp 2338:date,timestamp:bool:iS
date_lt_timestamptz 2351:date,timestamptz:bool:sS
date_mi 1140:date,date:int4:iS
date_mi_interval 2072:date,interval:timestamp:iS
date_mii 1142:date,int4:date:iS
date_ne 1091:date,date:bool:iS
date_ne_timestamp 2343:date,timestamp:bool:iS
date_ne_timestamptz 2356:date,timestamptz:bool:sS
date_part 1384:text,date:float8:iS 1172:text,interval:float8:iS 1385:text,time:float8:iS 2021:text,timestamp:float8:iS
date_part 1171:text,timestamptz:float8:sS
date_pl_interval 2071:date,interval:timestamp:iS
date_pli 1141:date,int4:date:iS
date_trunc 1218:text,interval:interval:iS 2020:text,timestamp:timestamp:iS 1217:text,timestamptz:timestamptz:sS
date_trunc 1284:text,timestamptz,text:timestamptz:sS
datetime_pl 1272:date,time:timestamp:iS
dcbrt 231:float8:float8:iS
decode 1947:text,text:bytea:iS
degrees 1608:float8:float8:iS
dense_rank 3102::int8:iW
dexp 233:float8:float8:iS
div 1973:numeric,numeric:numeric:iS
dlog1 234:float8:float8:iS
dlog10 1339:float8:float8:iS
dpow 232:float8,float8:float8:iS
dround 228:float8:float8:iS
dsqrt 230:float8:float8:iS
dtrunc 229:float8:float8:iS
encode 1946:bytea,text:text:iS
exp 1347:float8:float8:iS 1732:numeric:numeric:iS
extract 6199:text,date:numeric:iS 6204:text,interval:numeric:iS 6200:text,time:numeric:iS
extract 6202:text,timestamp:numeric:iS 6203:text,timestamptz:numeric:sS
factorial 1376:int8:numeric:iS
first_value 3112:anyelement:anyelement:iSW
float4 312:float8:float4:iS 236:int2:float4:iS 318:int4:float4:iS 652:int8:float4:iS 1745:numeric:float4:iS
float48div 280:float4,float8:float8:iS
float48eq 299:float4,float8:bool:iS
float48ge 304:float4,float8:bool:iS
float48gt 303:float4,float8:bool:iS
float48le 302:float4,float8:bool:iS
float48lt 301:float4,float8:bool:iS
float48mi 282:float4,float8:float8:iS
float48mul 279:float4,float8:float8:iS
float48ne 300:float4,float8:bool:iS
float48pl 281:float4,float8:float8:iS
float4abs 207:float4:float4:iS
float4div 203:float4,float4:float4:iS
float4eq 287:float4,float4:bool:iS
float4ge 292:float4,float4:bool:iS
float4gt 291:float4,float4:bool:iS
float4le 290:float4,float4:bool:iS
float4lt 289:float4,float4:bool:iS
float4mi 205:float4,float4:float4:iS
float4mul 202:float4,float4:float4:iS
float4ne 288:float4,float4:bool:iS
float4pl 204:float4,float4:float4:iS
float4um 206:float4:float4:iS
float4up 1913:float4:float4:iS
float8 311:float4:float8:iS 235:int2:float8:iS 316:int4:float8:iS 482:int8:float8:iS 1746:numeric:float8:iS
float84div 284:float8,float4:float8:iS
float84eq 305:float8,float4:bool:iS
float84ge 310:float8,float4:bool:iS
float84gt 309:float8,float4:bool:iS
float84le 308:float8,float4:bool:iS
float84lt 307:float8,float4:bool:iS
float84mi 286:float8,float4:float8:iS
float84mul 283:float8,float4:float8:iS
float84ne 306:float8,float4:bool:iS
float84pl 285:float8,float4:float8:iS
float8abs 221:float8:float8:iS
float8div 217:float8,float8:float8:iS
float8eq 293:float8,float8:bool:iS
float8ge 298:float8,float8:bool:iS
float8gt 297:float8,float8:bool:iS
float8le 296:float8,float8:bool:iS
float8lt 295:float8,float8:bool:iS
float8mi 219:float8,float8:float8:iS
float8mul 216:float8,float8:float8:iS
float8ne 294:float8,float8:bool:iS
float8pl 218:float8,float8:float8:iS
float8um 220:float8:float8:iS
float8up 1914:float8:float8:iS
floor 2309:float8:float8:iS 1712:numeric:numeric:iS
format 3540:text:text:s 3539:text,any:text:sVany
format_type 1081:oid,int4:text:s
gcd 5044:int4,int4:int4:iS 5045:int8,int8:int8:iS 5048:numeric,numeric:numeric:iS
gen_random_uuid 3432::uuid:vS
generate_series 1067:int4,int4:int4:iSR 1066:int4,int4,int4:int4:iSR 1069:int8,int8:int8:iSR
generate_series 1068:int8,int8,int8:int8:iSR 3260:numeric,numeric:numeric:iSR 3259:numeric,numeric,numeric:numeric:iSR
generate_series 938:timestamp,timestamp,interval:timestamp:iSR 939:timestamptz,timestamptz,interval:timestamptz:sSR
generate_subscripts 1192:anyarray,int4:int4:iSR 1191:anyarray,int4,bool:int4:iSR
get_bit 723:bytea,int8:int4:iS
get_byte 721:bytea,int4:int4:iS
getdatabaseencoding 1039::name:sS
getpgusername 710::name:sS
has_any_column_privilege 3025:name,oid,text:bool:sS 3024:name,text,text:bool:sS 3027:oid,oid,text:bool:sS
has_any_column_privilege 3029:oid,text:bool:sS 3026:oid,text,text:bool:sS 3028:text,text:bool:sS
has_column_privilege 3015:name,oid,int2,text:bool:sS 3014:name,oid,text,text:bool:sS 3013:name,text,int2,text:bool:sS
has_column_privilege 3012:name,text,text,text:bool:sS 3023:oid,int2,text:bool:sS 3019:oid,oid,int2,text:bool:sS
has_column_privilege 3018:oid,oid,text,text:bool:sS 3017:oid,text,int2,text:bool:sS 3022:oid,text,text:bool:sS
has_column_privilege 3016:oid,text,text,text:bool:sS 3021:text,int2,text:bool:sS 3020:text,text,text:bool:sS
has_database_privilege 2251:name,oid,text:bool:sS 2250:name,text,text:bool:sS 2253:oid,oid,text:bool:sS
has_database_privilege 2255:oid,text:bool:sS 2252:oid,text,text:bool:sS 2254:text,text:bool:sS
has_foreign_data_wrapper_privilege 3001:name,oid,text:bool:sS 3000:name,text,text:bool:sS 3003:oid,oid,text:bool:sS
has_foreign_data_wrapper_privilege 3005:oid,text:bool:sS 3002:oid,text,text:bool:sS 3004:text,text:bool:sS
has_function_privilege 2257:name,oid,text:bool:sS 2256:name,text,text:bool:sS 2259:oid,oid,text:bool:sS
has_function_privilege 2261:oid,text:bool:sS 2258:oid,text,text:bool:sS 2260:text,text:bool:sS
has_language_privilege 2263:name,oid,text:bool:sS 2262:name,text,text:bool:sS 2265:oid,oid,text:bool:sS
has_language_privilege 2267:oid,text:bool:sS 2264:oid,text,text:bool:sS 2266:text,text:bool:sS
has_schema_privilege 2269:name,oid,text:bool:sS 2268:name,text,text:bool:sS 2271:oid,oid,text:bool:sS
has_schema_privilege 2273:oid,text:bool:sS 2270:oid,text,text:bool:sS 2272:text,text:bool:sS
has_sequence_privilege 2182:name,oid,text:bool:sS 2181:name,text,text:bool:sS 2184:oid,oid,text:bool:sS
has_sequence_privilege 2186:oid,text:bool:sS 2183:oid,text,text:bool:sS 2185:text,text:bool:sS
has_server_privilege 3007:name,oid,text:bool:sS 3006:name,text,text:bool:sS 3009:oid,oid,text:bool:sS
has_server_privilege 3011:oid,text:bool:sS 3008:oid,text,text:bool:sS 3010:text,text:bool:sS
has_table_privilege 1923:name,oid,text:bool:sS 1922:name,text,text:bool:sS 1925:oid,oid,text:bool:sS
has_table_privilege 1927:oid,text:bool:sS 1924:oid,text,text:bool:sS 1926:text,text:bool:sS
has_tablespace_privilege 2391:name,oid,text:bool:sS 2390:name,text,text:bool:sS 2393:oid,oid,text:bool:sS
has_tablespace_privilege 2395:oid,text:bool:sS 2392:oid,text,text:bool:sS 2394:text,text:bool:sS
has_type_privilege 3139:name,oid,text:bool:sS 3138:name,text,text:bool:sS 3141:oid,oid,text:bool:sS
has_type_privilege 3143:oid,text:bool:sS 3140:oid,text,text:bool:sS 3142:text,text:bool:sS
initcap 872:text:text:iS
int2 238:float4:int2:iS 237:float8:int2:iS 314:int4:int2:iS 714:int8:int2:iS 1783:numeric:int2:iS
int24div 172:int2,int4:int4:iS
int24eq 158:int2,int4:bool:iS
int24ge 168:int2,int4:bool:iS
int24gt 162:int2,int4:bool:iS
int24le 166:int2,int4:bool:iS
int24lt 160:int2,int4:bool:iS
int24mi 182:int2,int4:int4:iS
int24mul 170:int2,int4:int4:iS
int24ne 164:int2,int4:bool:iS
int24pl 178:int2,int4:int4:iS
int28div 948:int2,int8:int8:iS
int28eq 1850:int2,int8:bool:iS
int28ge 1855:int2,int8:bool:iS
int28gt 1853:int2,int8:bool:iS
int28le 1854:int2,int8:bool:iS
int28lt 1852:int2,int8:bool:iS
int28mi 942:int2,int8:int8:iS
int28mul 943:int2,int8:int8:iS
int28ne 1851:int2,int8:bool:iS
int28pl 841:int2,int8:int8:iS
int2abs 1253:int2:int2:iS
int2and 1892:int2,int2:int2:iS
int2div 153:int2,int2:int2:iS
int2eq 63:int2,int2:bool:iS
int2ge 151:int2,int2:bool:iS
int2gt 146:int2,int2:bool:iS
int2le 148:int2,int2:bool:iS
int2lt 64:int2,int2:bool:iS
int2mi 180:int2,int2:int2:iS
int2mod 155:int2,int2:int2:iS
int2mul 152:int2,int2:int2:iS
int2ne 145:int2,int2:bool:iS
int2not 1895:int2:int2:iS
int2or 1893:int2,int2:int2:iS
int2pl 176:int2,int2:int2:iS
int2shl 1896:int2,int4:int2:iS
int2shr 1897:int2,int4:int2:iS
int2um 213:int2:int2:iS
int2up 1911:int2:int2:iS
int2xor 1894:int2,int2:int2:iS
int4 2558:bool:int4:iS 77:char:int4:iS 319:float4:int4:iS 317:float8:int4:iS 313:int2:int4:iS 480:int8:int4:iS
int4 1744:numeric:int4:iS
int42div 173:int4,int2:int4:iS
int42eq 159:int4,int2:bool:iS
int42ge 169:int4,int2:bool:iS
int42gt 163:int4,int2:bool:iS
int42le 167:int4,int2:bool:iS
int42lt 161:int4,int2:bool:iS
int42mi 183:int4,int2:int4:iS
int42mul 171:int4,int2:int4:iS
int42ne 165:int4,int2:bool:iS
int42pl 179:int4,int2:int4:iS
int48div 1281:int4,int8:int8:iS
int48eq 852:int4,int8:bool:iS
int48ge 857:int4,int8:bool:iS
int48gt 855:int4,int8:bool:iS
int48le 856:int4,int8:bool:iS
int48lt 854:int4,int8:bool:iS
int48mi 1279:int4,int8:int8:iS
int48mul 1280:int4,int8:int8:iS
int48ne 853:int4,int8:bool:iS
int48pl 1278:int4,int8:int8:iS
int4abs 1251:int4:int4:iS
int4and 1898:int4,int4:int4:iS
int4div 154:int4,int4:int4:iS
int4eq 65:int4,int4:bool:iS
int4ge 150:int4,int4:bool:iS
int4gt 147:int4,int4:bool:iS
int4inc 766:int4:int4:iS
int4le 149:int4,int4:bool:iS
int4lt 66:int4,int4:bool:iS
int4mi 181:int4,int4:int4:iS
int4mod 156:int4,int4:int4:iS
int4mul 141:int4,int4:int4:iS
int4ne 144:int4,int4:bool:iS
int4not 1901:int4:int4:iS
int4or 1899:int4,int4:int4:iS
int4pl 177:int4,int4:int4:iS
int4shl 1902:int4,int4:int4:iS
int4shr 1903:int4,int4:int4:iS
int4um 212:int4:int4:iS
int4up 1912:int4:int4:iS
int4xor 1900:int4,int4:int4:iS
int8 653:float4:int8:iS 483:float8:int8:iS 754:int2:int8:iS 481:int4:int8:iS 1779:numeric:int8:iS 1288:oid:int8:iS
int82div 840:int8,int2:int8:iS
int82eq 1856:int8,int2:bool:iS
int82ge 1861:int8,int2:bool:iS
int82gt 1859:int8,int2:bool:iS
int82le 1860:int8,int2:bool:iS
int82lt 1858:int8,int2:bool:iS
int82mi 838:int8,int2:int8:iS
int82mul 839:int8,int2:int8:iS
int82ne 1857:int8,int2:bool:iS
int82pl 837:int8,int2:int8:iS
int84div 1277:int8,int4:int8:iS
int84eq 474:int8,int4:bool:iS
int84ge 479:int8,int4:bool:iS
int84gt 477:int8,int4:bool:iS
int84le 478:int8,int4:bool:iS
int84lt 476:int8,int4:bool:iS
int84mi 1275:int8,int4:int8:iS
int84mul 1276:int8,int4:int8:iS
int84ne 475:int8,int4:bool:iS
int84pl 1274:int8,int4:int8:iS
int8abs 1230:int8:int8:iS
int8and 1904:int8,int8:int8:iS
int8dec 3546:int8:int8:iS
int8div 466:int8,int8:int8:iS
int8eq 467:int8,int8:bool:iS
int8ge 472:int8,int8:bool:iS
int8gt 470:int8,int8:bool:iS
int8inc 1219:int8:int8:iS
int8le 471:int8,int8:bool:iS
int8lt 469:int8,int8:bool:iS
int8mi 464:int8,int8:int8:iS
int8mod 945:int8,int8:int8:iS
int8mul 465:int8,int8:int8:iS
int8ne 468:int8,int8:bool:iS
int8not 1907:int8:int8:iS
int8or 1905:int8,int8:int8:iS
int8pl 463:int8,int8:int8:iS
int8shl 1908:int8,int4:int8:iS
int8shr 1909:int8,int4:int8:iS
int8um 462:int8:int8:iS
int8up 1910:int8:int8:iS
int8xor 1906:int8,int8:int8:iS
integer_pl_date 2550:int4,date:date:iS
interval 1200:interval,int4:interval:iS 1370:time:interval:iS
interval_div 1326:interval,float8:interval:iS
interval_eq 1162:interval,interval:bool:iS
interval_ge 1166:interval,interval:bool:iS
interval_gt 1167:interval,interval:bool:iS
interval_le 1165:interval,interval:bool:iS
interval_lt 1164:interval,interval:bool:iS
interval_mi 1170:interval,interval:interval:iS
interval_mul 1618:interval,float8:interval:iS
interval_ne 1163:interval,interval:bool:iS
interval_pl 1169:interval,interval:interval:iS
interval_pl_date 2546:interval,date:timestamp:iS
interval_pl_time 1848:interval,time:time:iS
interval_pl_timestamp 2548:interval,timestamp:timestamp:iS
interval_pl_timestamptz 2549:interval,timestamptz:timestamptz:sS
interval_um 1168:interval:interval:iS
is_normalized 4351:text,text:bool:iS
isfinite 1373:date:bool:iS 1390:interval:bool:iS 2048:timestamp:bool:iS 1389:timestamptz:bool:iS
`;
