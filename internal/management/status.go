package management

import "fmt"

// The status codes of responses.
const (
	StatusOK             = 200
	StatusCreated        = 201
	StatusNoContent      = 204
	StatusBadRequest     = 400
	StatusForbidden      = 403
	StatusNotFound       = 404
	StatusInternalError  = 500
	StatusNotImplemented = 501
)

var statusTexts = map[int]string{
	StatusOK: "OK", StatusCreated: "Created", StatusNoContent: "No Content", StatusBadRequest: "Bad Request",
	StatusForbidden: "Forbidden", StatusNotFound: "Not Found", StatusInternalError: "Internal Server Error",
	StatusNotImplemented: "Not Implemented",
}

// Error is why a request is not carried out: a status code and what is wrong.
type Error struct {
	Code int
	Text string
}

// Error gives the status and what is wrong. What is wrong with a request stands alone: the
// field's tools put the status in front of it themselves, and scripts look at the rest.
func (e *Error) Error() string {
	if e.Code == StatusBadRequest {
		return e.Text
	}
	return statusTexts[e.Code] + ": " + e.Text
}

// BadRequest says that the request is wrong.
func BadRequest(format string, args ...any) *Error {
	return &Error{StatusBadRequest, fmt.Sprintf(format, args...)}
}

// Forbidden says that the request is not allowed, whoever asks or to this client.
func Forbidden(format string, args ...any) *Error {
	return &Error{StatusForbidden, fmt.Sprintf(format, args...)}
}

// NotFound says that what the request names is not there.
func NotFound(format string, args ...any) *Error {
	return &Error{StatusNotFound, fmt.Sprintf(format, args...)}
}

// NotImplemented says that the entity type does not have the operation.
func NotImplemented(format string, args ...any) *Error {
	return &Error{StatusNotImplemented, fmt.Sprintf(format, args...)}
}
