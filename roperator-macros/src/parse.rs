//! Tokens in, spanned syntax out. Nothing is judged here: what makes no sense is kept as it stands, so that
//! [`model`](crate::model) can name it and go on with the rest.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Item, LitStr, Path, Signature, Token, Visibility};

/// One piece of a comma-separated list: `subject` or `subject = value`.
pub(crate) struct Piece {
    pub(crate) subject: Term,
    pub(crate) assigned: Option<Assigned>,
    /// What follows a piece that is complete already.
    pub(crate) surplus: TokenStream,
    /// Whether the comma before it is missing.
    pub(crate) unseparated: bool,
}

/// `= value`, or what the user wrote instead of `=`.
pub(crate) struct Assigned {
    pub(crate) sign: TokenStream,
    pub(crate) value: Term,
}

/// A path, a string or anything else, perhaps with a list in parentheses behind it: `apply(accessor = pods)`.
pub(crate) struct Term {
    pub(crate) head: Head,
    pub(crate) list: Option<List>,
}

pub(crate) enum Head {
    Path(Path),
    Text(LitStr),
    Other(TokenTree),
    Nothing,
}

pub(crate) struct List {
    pub(crate) delimiter: Delimiter,
    pub(crate) pieces: Vec<Piece>,
    group: Group,
}

/// What a function's attribute sees of it. The body is of no concern, and so need not be valid Rust yet.
pub(crate) struct Function {
    pub(crate) signature: Signature,
}

/// The arguments of an attribute.
pub(crate) fn pieces(arguments: TokenStream) -> Vec<Piece> {
    split(arguments).into_iter().flat_map(separated).collect()
}

/// The item under an attribute.
pub(crate) fn item(tokens: &TokenStream) -> syn::Result<Item> {
    syn::parse2(tokens.clone())
}

/// The function under an attribute, or the tokens of what is none.
pub(crate) fn function(tokens: &TokenStream) -> Result<Function, TokenStream> {
    let parser = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let signature = input.parse::<Signature>()?;
        input.parse::<TokenStream>()?;
        Ok(Function { signature })
    };
    parser.parse2(tokens.clone()).map_err(|_| tokens.clone())
}

/// Cuts at the commas, except at those between `<` and `>`.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut pieces = Vec::new();
    let mut piece = TokenStream::new();
    let mut depth = 0_usize;
    let mut arrow = false;
    for token in tokens {
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' if !arrow => depth = depth.saturating_sub(1),
                // A comma that ends nothing is itself a piece: there is something wrong with it.
                ',' if depth == 0 && !piece.is_empty() => {
                    pieces.push(std::mem::take(&mut piece));
                    continue;
                }
                _ => {}
            }
            arrow = matches!(punct.as_char(), '=' | '-') && punct.spacing() == Spacing::Joint;
        }
        piece.extend([token]);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// The pieces between two commas: one, unless a word behind a complete piece begins another.
fn separated(tokens: TokenStream) -> Vec<Piece> {
    let mut pieces = vec![piece(tokens)];
    while let Some(last) = pieces.last_mut()
        && matches!(last.surplus.clone().into_iter().next(), Some(TokenTree::Ident(_)))
        && !matches!(last.subject.head, Head::Nothing)
    {
        let next = piece(std::mem::take(&mut last.surplus));
        pieces.push(Piece {
            unseparated: true,
            ..next
        });
    }
    pieces
}

fn piece(tokens: TokenStream) -> Piece {
    let parser = |input: ParseStream<'_>| {
        let subject = term(input)?;
        let assigned = match sign(input)? {
            Some(sign) => Some(Assigned {
                sign,
                value: term(input)?,
            }),
            None => None,
        };
        Ok(Piece {
            subject,
            assigned,
            surplus: input.parse()?,
            unseparated: false,
        })
    };
    parser.parse2(tokens.clone()).unwrap_or_else(|_| Piece {
        subject: Term {
            head: Head::Nothing,
            list: None,
        },
        assigned: None,
        surplus: tokens,
        unseparated: false,
    })
}

fn term(input: ParseStream<'_>) -> syn::Result<Term> {
    let head = head(input)?;
    let list = match input.cursor().token_tree() {
        Some((TokenTree::Group(group), _)) if group.delimiter() != Delimiter::None => {
            input.parse::<TokenTree>()?;
            Some(List {
                delimiter: group.delimiter(),
                pieces: pieces(group.stream()),
                group,
            })
        }
        _ => None,
    };
    Ok(Term { head, list })
}

fn head(input: ParseStream<'_>) -> syn::Result<Head> {
    if input.is_empty() {
        return Ok(Head::Nothing);
    }
    if input.peek(LitStr) {
        return input.parse().map(Head::Text);
    }
    let ahead = input.fork();
    if let Ok(path) = ahead.parse() {
        input.advance_to(&ahead);
        return Ok(Head::Path(path));
    }
    if input.peek(syn::token::Paren) || input.peek(syn::token::Bracket) || input.peek(syn::token::Brace) {
        return Ok(Head::Nothing);
    }
    input.parse().map(Head::Other)
}

/// `=`, or one of the signs that are written by mistake for it.
fn sign(input: ParseStream<'_>) -> syn::Result<Option<TokenStream>> {
    if input.peek(Token![=>]) {
        return Ok(Some(input.parse::<Token![=>]>()?.into_token_stream()));
    }
    if input.peek(Token![==]) {
        return Ok(Some(input.parse::<Token![==]>()?.into_token_stream()));
    }
    if input.peek(Token![=]) {
        return Ok(Some(input.parse::<Token![=]>()?.into_token_stream()));
    }
    if input.peek(Token![:]) && !input.peek(Token![::]) {
        return Ok(Some(input.parse::<Token![:]>()?.into_token_stream()));
    }
    Ok(None)
}

impl Piece {
    /// The word before `=`, if it is a single one: `name`, `crate`.
    pub(crate) fn key(&self) -> Option<String> {
        match &self.subject.head {
            Head::Path(path) => word(path),
            Head::Other(TokenTree::Ident(ident)) => Some(ident.to_string()),
            _ => None,
        }
    }
}

/// The path as a word, if it is a single one without generics.
pub(crate) fn word(path: &Path) -> Option<String> {
    path.get_ident().map(ToString::to_string)
}

impl ToTokens for Piece {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.subject.to_tokens(tokens);
        if let Some(assigned) = &self.assigned {
            assigned.sign.to_tokens(tokens);
            assigned.value.to_tokens(tokens);
        }
        self.surplus.to_tokens(tokens);
    }
}

impl ToTokens for Term {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.head.to_tokens(tokens);
        self.list.to_tokens(tokens);
    }
}

impl ToTokens for Head {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Path(path) => path.to_tokens(tokens),
            Self::Text(text) => text.to_tokens(tokens),
            Self::Other(token) => token.to_tokens(tokens),
            Self::Nothing => {}
        }
    }
}

impl ToTokens for List {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.group.to_tokens(tokens);
    }
}
