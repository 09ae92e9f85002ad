//! The functions and operators that Kubernetes' expressions have, as a table: a name in, its overloads out, each with the
//! types it takes, the type it results in, and the rule by which it costs.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::types::Type;

/// The names of types, which are values. Those of `duration` and `timestamp` are known, but stand for nothing.
pub(super) const TYPES: [&str; 17] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
    "int",
    "list",
    "map",
    "net.CIDR",
    "net.IP",
    "null_type",
    "optional_type",
    "string",
    "timestamp",
    "type",
    "uint",
];

/// One way to call a function.
#[derive(Debug)]
pub(super) struct Overload {
    /// Whether the first operand stands before the name.
    pub(super) is_method: bool,
    pub(super) operands: Vec<Type<'static>>,
    pub(super) result: Type<'static>,
    /// The rule by which a call costs; empty for those that cost one unit.
    pub(super) cost: &'static str,
}

/// The overloads of a function; none if there is no such function.
pub(super) fn overloads(name: &str) -> &'static [Overload] {
    static LIBRARY: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
        let mut library: HashMap<&str, Vec<Overload>> = HashMap::new();
        for (name, overload) in DECLARATIONS.lines().flat_map(declared) {
            library.entry(name).or_default().push(overload);
        }
        library
    });
    LIBRARY.get(name).map_or(&[], Vec::as_slice)
}

/// A line: names, operands (the receiver before the dot), result, rule of cost. These letters stand for one of several types:
const ALTERNATIVES: [(&str, &[&str]); 4] = [
    ("N", &["int", "uint", "double", "bool", "duration", "timestamp"]),
    ("T", &["string", "bytes"]),
    (
        "C",
        &[
            "int",
            "uint",
            "double",
            "bool",
            "duration",
            "timestamp",
            "string",
            "bytes",
        ],
    ),
    ("S", &["int", "uint", "double", "duration"]),
];

fn declared(line: &'static str) -> Vec<(&'static str, Overload)> {
    let mut words = line.split_whitespace();
    let (Some(names), Some(operands), Some(result)) = (words.next(), words.next(), words.next()) else {
        return Vec::new();
    };
    let cost = words.next().unwrap_or_default();
    let (receiver, arguments) = match operands.split_once(".(") {
        Some((receiver, arguments)) => (Some(receiver), arguments),
        None => (None, operands.strip_prefix('(').unwrap_or(operands)),
    };
    let arguments = split(arguments.strip_suffix(')').unwrap_or(arguments));
    let operands: Vec<Type<'static>> = receiver.into_iter().chain(arguments).map(Type::parse).collect();
    let result = Type::parse(result);
    let overload = |bound: Option<(&'static str, &'static str)>| {
        let bound: Vec<_> = bound
            .map(|(letter, name)| (letter, Type::Named(name)))
            .into_iter()
            .collect();
        let fixed = |declared: &Type<'static>| match bound.is_empty() {
            true => declared.clone(),
            false => declared.with(&bound),
        };
        Overload {
            is_method: receiver.is_some(),
            operands: operands.iter().map(fixed).collect(),
            result: fixed(&result),
            cost,
        }
    };
    let names = names.split(',');
    let letter = ALTERNATIVES
        .iter()
        .find(|(letter, _)| operands.iter().any(|operand| operand.mentions(letter)));
    match letter {
        Some((letter, types)) => names
            .flat_map(|name| types.iter().map(move |of| (name, Some((*letter, *of)))))
            .map(|(name, bound)| (name, overload(bound)))
            .collect(),
        None => names.map(|name| (name, overload(None))).collect(),
    }
}

/// The parts of a list that is separated by commas, but for those within parentheses.
fn split(list: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let parts = list.split(move |character: char| {
        depth += i32::from(character == '(') - i32::from(character == ')');
        character == ',' && depth == 0
    });
    parts.filter(|part| !part.is_empty()).collect()
}

const DECLARATIONS: &str = "
_?_:_  (bool,A,A)  A  choice
_&&_,_||_  (bool,bool)  bool  logic
!_,@not_strictly_false  (bool)  bool
_==_,_!=_  (A,A)  bool  equality
_+_  (bytes,bytes)  bytes  join-texts
_+_  (double,double)  double
_+_  (duration,duration)  duration
_+_  (duration,timestamp)  timestamp
_+_  (timestamp,duration)  timestamp
_+_  (int,int)  int
_+_  (list(A),list(A))  list(A)  join-lists
_+_  (string,string)  string  join-texts
_+_  (uint,uint)  uint
_-_  (double,double)  double
_-_  (duration,duration)  duration
_-_  (int,int)  int
_-_  (timestamp,duration)  timestamp
_-_  (timestamp,timestamp)  duration
_-_  (uint,uint)  uint
_*_,_/_  (double,double)  double
_*_,_/_,_%_  (int,int)  int
_*_,_/_,_%_  (uint,uint)  uint
-_  (double)  double
-_  (int)  int
_<_,_<=_,_>_,_>=_  (N,N)  bool
_<_,_<=_,_>_,_>=_  (T,T)  bool  comparison
_<_,_<=_,_>_,_>=_  (int,double)  bool
_<_,_<=_,_>_,_>=_  (int,uint)  bool
_<_,_<=_,_>_,_>=_  (uint,double)  bool
_<_,_<=_,_>_,_>=_  (uint,int)  bool
_<_,_<=_,_>_,_>=_  (double,int)  bool
_<_,_<=_,_>_,_>=_  (double,uint)  bool
_[_]  (list(A),int)  A  item
_[_]  (map(A,B),A)  B  entry
_[_]  (optional(list(V)),int)  optional(V)
_[_]  (optional(map(K,V)),K)  optional(V)
_[?_]  (list(V),int)  optional(V)
_[?_]  (optional(list(V)),int)  optional(V)
_[?_]  (map(K,V),K)  optional(V)
_[?_]  (optional(map(K,V)),K)  optional(V)
@in  (A,list(A))  bool  search
@in  (A,map(A,B))  bool

size  (bytes)  int
size  bytes.()  int
size  (list(A))  int
size  list(A).()  int
size  (map(A,B))  int
size  map(A,B).()  int
size  (string)  int
size  string.()  int
type  (A)  type
dyn  (A)  dyn
bool  (bool)  bool
bool  (string)  bool
bytes  (bytes)  bytes
bytes  (string)  bytes  encode
double  (double)  double
double  (int)  double
double  (string)  double
double  (uint)  double
duration  (duration)  duration
duration  (int)  duration
duration  (string)  duration
int  (int)  int
int  (double)  int
int  (duration)  int
int  (string)  int
int  (timestamp)  int
int  (uint)  int
string  (string)  string
string  (bool)  string
string  (bytes)  string  decode
string  (double)  string
string  (duration)  string
string  (int)  string
string  (timestamp)  string
string  (uint)  string
string  (net.IP)  string
string  (net.CIDR)  string
timestamp  (timestamp)  timestamp
timestamp  (int)  timestamp
timestamp  (string)  timestamp
uint  (uint)  uint
uint  (double)  uint
uint  (int)  uint
uint  (string)  uint
getFullYear,getMonth,getDayOfYear,getDayOfMonth,getDate,getDayOfWeek  timestamp.()  int
getFullYear,getMonth,getDayOfYear,getDayOfMonth,getDate,getDayOfWeek  timestamp.(string)  int
getHours,getMinutes,getSeconds,getMilliseconds  timestamp.()  int
getHours,getMinutes,getSeconds,getMilliseconds  timestamp.(string)  int
getHours,getMinutes,getSeconds,getMilliseconds  duration.()  int

contains  string.(string)  bool  product
startsWith,endsWith  string.(string)  bool  read-argument
matches  (string,string)  bool
matches  string.(string)  bool  pattern
charAt  string.(int)  string
indexOf,lastIndexOf  string.(string)  int  traversal
indexOf,lastIndexOf  string.(string,int)  int  traversal
lowerAscii,upperAscii,trim  string.()  string  copy
replace  string.(string,string)  string  replacement
replace  string.(string,string,int)  string  replacement
split  string.(string)  list(string)  split
split  string.(string,int)  list(string)  split
substring  string.(int)  string  copy
substring  string.(int,int)  string  copy
format  string.(list(dyn))  string  read
strings.quote  (string)  string  quote
join  list(string).()  string  join
join  list(string).(string)  string  join
find  string.(string)  string  find
findAll  string.(string)  list(string)  find
findAll  string.(string,int)  list(string)  find

isSorted  list(C).()  bool  traversal
sum  list(S).()  S  traversal
max,min  list(C).()  C  traversal
indexOf,lastIndexOf  list(A).(A)  int  traversal
slice  list(A).(int,int)  list(A)  slice
flatten  list(list(A)).()  list(A)  flatten
flatten  list(dyn).(int)  list(dyn)  flatten
sort  list(N).()  list(N)  sort
sort  list(T).()  list(T)  sort-texts
@sortByAssociatedKeys  list(A).(list(N))  list(A)  sort
@sortByAssociatedKeys  list(A).(list(T))  list(A)  sort-texts
lists.range  (int)  list(int)  range
reverse  list(A).()  list(A)  reverse
distinct  list(A).()  list(A)  distinct
first,last  list(V).()  optional(V)
sets.contains,sets.intersects  (list(A),list(A))  bool  set
sets.equivalent  (list(A),list(A))  bool  sets
cel.@mapInsert  (map(K,V),K,V)  map(K,V)
cel.@mapInsert  (map(K,V),map(K,V))  map(K,V)

optional.of,optional.ofNonZeroValue  (V)  optional(V)
optional.none  ()  optional(V)
optional.unwrap  (list(optional(V)))  list(V)
value  optional(V).()  V
hasValue  optional(V).()  bool
or  optional(V).(optional(V))  optional(V)  alternative
orValue  optional(V).(V)  V  alternative
unwrapOpt  list(optional(V)).()  list(V)
_?._  (dyn,string)  optional(V)

url  (string)  kubernetes.URL  copy
isURL  (string)  bool
getScheme,getHost,getHostname,getPort,getEscapedPath  kubernetes.URL.()  string
getQuery  kubernetes.URL.()  map(string,list(string))
ip  (string)  net.IP  read
isIP,isCIDR  (string)  bool  read
ip.isCanonical  (string)  bool  read-twice
family  net.IP.()  int
isUnspecified,isLoopback,isLinkLocalMulticast,isLinkLocalUnicast,isGlobalUnicast  net.IP.()  bool
cidr  (string)  net.CIDR  read
containsIP  net.CIDR.(string)  bool  contains-text
containsIP  net.CIDR.(net.IP)  bool  contains-ip
containsCIDR  net.CIDR.(string)  bool  contains-cidr-text
containsCIDR  net.CIDR.(net.CIDR)  bool  contains-cidr
ip  net.CIDR.()  net.IP
prefixLength  net.CIDR.()  int
masked  net.CIDR.()  net.CIDR
quantity  (string)  kubernetes.Quantity  read
isQuantity  (string)  bool  read
sign  (kubernetes.Quantity)  int
asInteger  kubernetes.Quantity.()  int
isInteger  kubernetes.Quantity.()  bool
asApproximateFloat  kubernetes.Quantity.()  double
isGreaterThan,isLessThan  kubernetes.Quantity.(kubernetes.Quantity)  bool
compareTo  kubernetes.Quantity.(kubernetes.Quantity)  int
add,sub  kubernetes.Quantity.(kubernetes.Quantity)  kubernetes.Quantity
add,sub  kubernetes.Quantity.(int)  kubernetes.Quantity
semver  (string)  kubernetes.Semver  read
semver  (string,bool)  kubernetes.Semver  read
isSemver  (string)  bool  read
isSemver  (string,bool)  bool  read
isGreaterThan,isLessThan  kubernetes.Semver.(kubernetes.Semver)  bool
compareTo  kubernetes.Semver.(kubernetes.Semver)  int
major,minor,patch  kubernetes.Semver.()  int
format.dns1123Label,format.dns1123Subdomain,format.dns1035Label,format.qualifiedName  ()  kubernetes.NamedFormat
format.dns1123LabelPrefix,format.dns1123SubdomainPrefix,format.dns1035LabelPrefix  ()  kubernetes.NamedFormat
format.labelValue,format.uri,format.uuid,format.byte,format.date,format.datetime  ()  kubernetes.NamedFormat
format.named  (string)  optional(kubernetes.NamedFormat)
validate  kubernetes.NamedFormat.(string)  optional(list(string))  validation

path  authorization.Authorizer.(string)  authorization.PathCheck
group  authorization.Authorizer.(string)  authorization.GroupCheck
serviceAccount  authorization.Authorizer.(string,string)  authorization.Authorizer
resource  authorization.GroupCheck.(string)  authorization.ResourceCheck
subresource,namespace,name  authorization.ResourceCheck.(string)  authorization.ResourceCheck
fieldSelector,labelSelector  authorization.ResourceCheck.(string)  authorization.ResourceCheck  selector
check  authorization.PathCheck.(string)  authorization.Decision  check
check  authorization.ResourceCheck.(string)  authorization.Decision  check
allowed,errored  authorization.Decision.()  bool
error,reason  authorization.Decision.()  string
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_declares_something() {
        for line in DECLARATIONS.lines().filter(|line| !line.is_empty()) {
            assert!(!declared(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn declarations_are_read() {
        let [slice] = overloads("slice") else { panic!("one") };
        assert!(slice.is_method);
        assert_eq!(slice.operands.len(), 3);
        let [query] = overloads("getQuery") else { panic!("one") };
        assert_eq!(query.result.to_string(), "map(string, list(string))");
        assert_eq!(overloads("sum").len(), 4);
        assert_eq!(overloads("_<_").len(), 14);
        assert!(overloads("none").is_empty());
    }
}
