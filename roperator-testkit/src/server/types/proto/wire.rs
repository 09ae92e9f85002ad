//! Protobuf's wire format. In go bytes, out come fields by number. What a field means is not known here.

use super::ProtoError;

/// What is at a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Data<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
    /// A group, which nothing in Kubernetes has; skipped.
    Group,
}

impl Data<'_> {
    pub(super) fn wire_type(&self) -> u8 {
        match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Group => 3,
            Self::Fixed32 => 5,
        }
    }
}

/// The fields of a message, of which the first error is the last one.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    /// The message's name, for errors.
    name: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(message: &'a [u8], name: &'a str) -> Self {
        Self { rest: message, name }
    }

    fn read(&mut self) -> Result<(u32, Data<'a>), ProtoError> {
        let tag = self.varint()?;
        // A field's number is cut to 32 bits and must be positive, as in Kubernetes' generated decoders.
        let number = u32::try_from(tag >> 3 & 0xffff_ffff).unwrap_or(0);
        let wire_type = tag & 7;
        if wire_type == 4 {
            return Err(ProtoError::new(format!(
                "proto: {}: wiretype end group for non-group",
                self.name
            )));
        }
        if number == 0 || number > i32::MAX as u32 {
            let signed = number.cast_signed();
            return Err(ProtoError::new(format!(
                "proto: {}: illegal tag {signed} (wire type {tag})",
                self.name
            )));
        }
        let data = match wire_type {
            0 => Data::Varint(self.varint()?),
            1 => Data::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = self.varint()?;
                Data::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            3 => {
                self.skip_group()?;
                Data::Group
            }
            5 => {
                self.array::<4>()?;
                Data::Fixed32
            }
            other => return Err(ProtoError::new(format!("proto: illegal wireType {other}"))),
        };
        Ok((number, data))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn varint(&mut self) -> Result<u64, ProtoError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ProtoError::new("proto: integer overflow"))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtoError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(ProtoError::end)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ProtoError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(ProtoError::end)?;
        self.rest = rest;
        Ok(taken)
    }

    fn skip_group(&mut self) -> Result<(), ProtoError> {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.varint()? & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.array::<8>()?),
                2 => {
                    let length = self.varint()?;
                    self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
                }
                3 => depth += 1,
                4 => depth -= 1,
                5 => drop(self.array::<4>()?),
                other => return Err(ProtoError::new(format!("proto: illegal wireType {other}"))),
            }
        }
        Ok(())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Data<'a>), ProtoError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}
